"""The sync lane: runs plain functions in the child's main thread, one at a time.

It claims in batches of about 20 ms of work, judged by how long recent tasks took; slow tasks are
claimed one at a time. Outcomes are sent with the next claim. While the main thread is busy, a
reporter thread takes over: no outcome waits longer than 5 ms, and if a task turns out to be long,
the claims that have not started are given back.

If the process dies here, the parent reads from the execution slots what was executing and reports
it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from flowkit.context import enter_attempt, leave_attempt
from flowkit.exceptions import FlowkitError, RedisUnavailable, StoreError
from flowkit.execution.attempt_contexts import AttemptContexts
from flowkit.execution.progress import REPORTERS, end_reports
from flowkit.processes.forked import end_if_forked
from flowkit.protocol.keys import queue_of
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import Claim, WorkerStore

from .execution_slots import ExecutionSlots
from .executor import Executor
from .inputs import Inputs
from .lane_counts import LaneTally, Writer
from .mailbox import MAX_BATCH, Mailbox
from .prepared import NotHere, Prepared
from .program_output import ProgramOutput
from .trouble import Trouble

BATCH_S = 0.020
QUICK_S = 0.0002  # an attempt that takes no longer runs no program
REPORT_S = 0.005
GIVE_BACK_S = 0.050
LONGEST_BATCH_S = 0.100  # then the rest is given back: its tasks are slower than those before
POLL_S = 2.0
AGAIN_S = 0.2
SLOT = 0


class SyncLane:
    """One child's lane for plain functions."""

    def __init__(
        self,
        mailbox: Mailbox,
        waiter: WorkerStore,
        inputs: Inputs,
        executor: Executor,
        slots: ExecutionSlots,
        *,
        trouble: Trouble,
        may_claim_more: Callable[[int], bool] = lambda done: True,
        programs: ProgramOutput | None = None,
    ) -> None:
        """``waiter``: a separate store, for the call that blocks while there is no work.

        ``trouble`` handles errors of Redis. ``may_claim_more(done)`` tells whether to claim more
        after that many attempts. ``programs``: is told of the end of each attempt.
        """
        self._mailbox = mailbox
        self._lane = mailbox.lane
        self._waiter = waiter
        self._inputs = inputs
        self._executor = executor
        self._slots = slots
        self._may_claim_more = may_claim_more
        self._programs = programs
        self._trouble = trouble
        self._draining = trouble.draining
        self._active = threading.Event()
        self._seconds_per_task: float | None = None
        self._since = 0.0  # when the current attempt began, 0 if none runs
        self._cancelled: set[str] = set()
        self._contexts = AttemptContexts()
        self._pid = os.getpid()
        queues = [queue_of(name) for name in mailbox.lists]
        self._tally = LaneTally(slots.counts, Writer.SYNC, queues, inputs.known)
        self.done = 0

    def set_claimers(self, claimers: int) -> None:
        """Set how many claimers a short list is to be divided among. Any thread."""
        self._mailbox.claimers = claimers

    def drain(self) -> None:
        """Claim nothing more; ``run`` returns when the current task ends. Any thread."""
        self._draining.set()

    def cancel(self, attempt: str) -> None:
        """Do not start this attempt (``run,task,attempt``) unless it has started. Any thread."""
        self._cancelled.add(attempt)

    def run(self) -> None:
        """Claim and execute until drained. Raises LeaseLost."""
        reporter = threading.Thread(target=self._report, name="reporter", daemon=True)
        reporter.start()
        try:
            self._claim_and_work()
        except StoreError:
            if not self._draining.is_set():
                raise
        self._wind_up()

    def _claim_and_work(self) -> None:
        mailbox, outlast = self._mailbox, self._trouble.outlast
        while not self._draining.is_set() and self._may_claim_more(self.done):
            if outlast(lambda: mailbox.exchange(self._batch_size())):
                self._inputs.prefetch(list(mailbox.inbox))
                self._active.set()
                self._work_off()
            elif not mailbox.unsent:
                outlast(lambda: self._waiter.wait_for_work(mailbox.lists, POLL_S, mailbox.app))

    def _wind_up(self) -> None:
        """Give back claims and send outcomes. During an outage, retry until the parent kills it."""
        while self._mailbox.inbox or self._mailbox.unsent:
            try:
                self._mailbox.give_back()
                self._mailbox.flush()
            except StoreError:
                time.sleep(AGAIN_S)

    # -- executing ------------------------------------------------------------------------------

    def _work_off(self) -> None:
        """Execute the claims in the inbox, as many of them as this process may still run."""
        mailbox = self._mailbox
        inbox = mailbox.inbox
        began, count, tally = time.perf_counter(), 0, self._tally
        tally.begin()
        while not self._draining.is_set() and self._may_claim_more(self.done + count):
            try:
                claim = inbox.popleft()
            except IndexError:
                break
            outcome = self._contexts.new().run(self._attempt, claim)
            if isinstance(outcome, NotHere):
                self._trouble.outlast(partial(mailbox.hand_on, claim, outcome.function))
                continue
            mailbox.put(outcome)
            if Flag.AT_MOST_ONCE in claim.spent.flags:
                # Until its outcome is recorded, its slot must show that it has started.
                self._trouble.outlast(mailbox.flush)
                self._slots.leave(SLOT)
            count += 1
            if tally.has_several:
                tally.ended_one(claim)
            if inbox and time.perf_counter() - began > LONGEST_BATCH_S:
                self._trouble.outlast(mailbox.give_back)
        if count:
            if self._programs is not None:
                self._programs.end(claim, self._executor.slot_key)
            self.done += count
            took = time.perf_counter() - began
            tally.ended_batch(count, took)
            self._learn(took / count)

    def _attempt(self, claim: Claim) -> Outcome | NotHere:
        if self._cancelled:
            attempt = f"{claim.key},{claim.attempt}"
            if attempt in self._cancelled:
                self._cancelled.discard(attempt)
                return self._executor.cancelled(claim)
        # From unpacking arguments to packing the result, user code and data can end this process,
        # so the slot must name the attempt all the time.
        key = self._executor.slot_key(claim)
        self._slots.enter(SLOT, key)
        self._since = time.monotonic()
        try:
            prepared = self._executor.prepare(claim)
            if "|" not in key:  # the first attempt of its DAG here
                self._slots.enter(SLOT, self._executor.slot_key(claim))
            return self._call(prepared) if isinstance(prepared, Prepared) else prepared
        except RedisUnavailable:  # the lane is draining: the attempt is given back
            raise
        except BaseException as error:
            end_if_forked(self._pid, error)
            return self._executor.broken(claim, error)
        finally:
            programs = self._programs
            if programs is not None and (
                programs.asks_about_quick or time.monotonic() - self._since > QUICK_S
            ):
                programs.end(claim, self._executor.slot_key)
            self._since = 0.0
            if Flag.AT_MOST_ONCE not in claim.spent.flags:
                self._slots.leave(SLOT)

    def _call(self, prepared: Prepared) -> Outcome:
        claim, policy, executor = prepared.claim, prepared.policy, self._executor
        began = time.monotonic()
        if policy.timeout is not None:
            self._slots.enter(SLOT, executor.slot_text(prepared), began + policy.timeout)
        run, task, number = claim.run, prepared.name, claim.attempt
        params, life, lane = prepared.params, claim.life[1], self._lane
        token = enter_attempt(run, task, number, params, life, claim.task, lane, prepared.comeback)
        try:
            result = prepared.task.func(*prepared.args, **prepared.kwargs)
            if prepared.task.is_async:  # it was a plain function when the DAG was submitted
                result = asyncio.run(result)
        except BaseException as error:
            end_if_forked(self._pid, error)
            self._slots.disarm(SLOT)
            return executor.raised(prepared, error)
        else:
            end_if_forked(self._pid)
            self._slots.disarm(SLOT)
            return executor.succeeded(prepared, result, time.monotonic() - began)
        finally:
            if REPORTERS:
                end_reports()
            leave_attempt(token)

    # -- how much to claim ----------------------------------------------------------------------

    def _batch_size(self) -> int:
        if self._seconds_per_task is None:
            return 1
        return max(1, min(MAX_BATCH, int(BATCH_S / self._seconds_per_task)))

    def _learn(self, seconds: float) -> None:
        """Adapt to slower tasks at once and to faster ones soon: large claims delay others."""
        known = self._seconds_per_task
        slower = known is None or seconds > known
        self._seconds_per_task = seconds if slower else (known or 0.0) * 0.3 + seconds * 0.7

    # -- reporting while the main thread is busy --------------------------------------------------

    def _report(self) -> None:
        while True:
            self._active.wait()
            self._active.clear()
            try:
                self._trouble.outlast(self._report_while_busy)
            except StoreError:
                time.sleep(AGAIN_S)  # draining: the link no longer waits
            except FlowkitError as error:
                self._trouble.on_error(error)
                return

    def _report_while_busy(self) -> None:
        mailbox = self._mailbox
        while mailbox.unsent or mailbox.inbox:
            time.sleep(REPORT_S)
            since = self._since
            if not since:
                continue
            busy = time.monotonic() - since
            if busy > REPORT_S and mailbox.unsent:
                mailbox.exchange(0)
            if busy > GIVE_BACK_S and mailbox.inbox:
                mailbox.give_back()
