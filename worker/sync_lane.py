"""The sync lane: runs plain functions in the child's main thread, one at a time.

It claims in batches sized by what tasks have lately taken (about 20 ms of work; one at a time for
slow tasks) and sends outcomes with the next claim. A reporter thread takes over when the main
thread is busy: no outcome waits longer than 5 ms, and what was claimed but not started is given
back when a task turns out long.

If the process dies here: the parent reads from the board what was executing and reports it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable

from ..attempt_contexts import AttemptContexts
from ..context import enter_attempt, leave_attempt
from ..exceptions import FlowkitError, RedisUnavailable, StoreError
from ..forked import end_if_forked
from ..protocol.worker_store import Claim, Outcome, WorkerStore
from .board import Board
from .desk import MAX_BATCH, Desk
from .executor import Executor, Prepared
from .trouble import Trouble
from .values import Values

BATCH_S = 0.020
REPORT_S = 0.005
GIVE_BACK_S = 0.050
POLL_S = 2.0
AGAIN_S = 0.2
SLOT = 0


class SyncLane:
    """One child's lane for plain functions."""

    def __init__(
        self,
        desk: Desk,
        waiter: WorkerStore,
        values: Values,
        executor: Executor,
        board: Board,
        *,
        trouble: Trouble,
        may_go_on: Callable[[int], bool] = lambda done: True,
    ) -> None:
        """``waiter``: a store of its own, for the call that blocks while there is no work.

        ``trouble`` handles what goes wrong with Redis. ``may_go_on(done)`` says whether to claim
        more after that many attempts.
        """
        self._desk = desk
        self._waiter = waiter
        self._values = values
        self._executor = executor
        self._board = board
        self._may_go_on = may_go_on
        self._trouble = trouble
        self._draining = trouble.draining
        self._active = threading.Event()
        self._seconds_per_task: float | None = None
        self._since = 0.0  # when the current call began, 0 if none runs
        self._cancelled: set[str] = set()
        self._contexts = AttemptContexts()
        self._pid = os.getpid()
        self.done = 0

    def share(self, claimers: int) -> None:
        """Set how many claimers a short list is to be divided among. Any thread."""
        self._desk.share = claimers

    def drain(self) -> None:
        """Claim nothing more; ``run`` returns when what is executing is over. Any thread."""
        self._draining.set()

    def cancel(self, attempt: str) -> None:
        """Do not start this attempt (``run,task,attempt``) if it has not started. Any thread."""
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
        desk, outlast = self._desk, self._trouble.outlast
        while not self._draining.is_set() and self._may_go_on(self.done):
            if outlast(lambda: desk.exchange(self._batch_size())):
                self._values.prefetch(list(desk.inbox))
                self._active.set()
                self._work_off()
            elif not desk.unsent:
                outlast(lambda: self._waiter.wait_for_work(desk.lists, POLL_S))

    def _wind_up(self) -> None:
        """Give back and send what is left; through an outage, until the parent loses patience."""
        while self._desk.inbox or self._desk.unsent:
            try:
                self._desk.give_back()
                self._desk.flush()
            except StoreError:
                time.sleep(AGAIN_S)

    # -- executing ------------------------------------------------------------------------------

    def _work_off(self) -> None:
        """Execute what is in the inbox, or what this process may still run of it."""
        desk = self._desk
        inbox = desk.inbox
        began, count = time.perf_counter(), 0
        while not self._draining.is_set() and self._may_go_on(self.done + count):
            try:
                claim = inbox.popleft()
            except IndexError:
                break
            desk.put(self._contexts.new().run(self._attempt, claim))
            if claim.at_most_once:
                # Until its outcome is recorded, the board must say that it started.
                self._trouble.outlast(desk.flush)
                self._board.leave(SLOT)
            count += 1
        if count:
            self.done += count
            self._learn((time.perf_counter() - began) / count)

    def _attempt(self, claim: Claim) -> Outcome:
        if self._cancelled:
            attempt = f"{claim.key},{claim.attempt}"
            if attempt in self._cancelled:
                self._cancelled.discard(attempt)
                return self._executor.cancelled(claim)
        # All the way, from unpacking arguments to packing the result, user code and data can end
        # this process: the board must name the attempt throughout.
        self._board.enter(SLOT, self._executor.board_key(claim))
        self._since = time.monotonic()
        try:
            prepared = self._executor.prepare(claim)
            return prepared if isinstance(prepared, Outcome) else self._call(prepared)
        except RedisUnavailable:  # the lane is winding up: the attempt is given back
            raise
        except BaseException as error:
            end_if_forked(self._pid, error)
            return self._executor.broken(claim, error)
        finally:
            self._since = 0.0
            if not claim.at_most_once:
                self._board.leave(SLOT)

    def _call(self, prepared: Prepared) -> Outcome:
        claim, policy, executor = prepared.claim, prepared.policy, self._executor
        began = time.monotonic()
        if policy.timeout is not None:
            self._board.enter(SLOT, executor.board_text(prepared), began + policy.timeout)
        token = enter_attempt(claim.run, prepared.name, claim.attempt, prepared.params)
        try:
            result = prepared.task.func(*prepared.args, **prepared.kwargs)
            if prepared.task.is_async:  # it was a plain function when the DAG was submitted
                result = asyncio.run(result)
        except BaseException as error:
            end_if_forked(self._pid, error)
            self._board.disarm(SLOT)
            return executor.raised(prepared, error)
        else:
            end_if_forked(self._pid)
            self._board.disarm(SLOT)
            return executor.succeeded(prepared, result, time.monotonic() - began)
        finally:
            leave_attempt(token)

    # -- how much to claim ----------------------------------------------------------------------

    def _batch_size(self) -> int:
        if self._seconds_per_task is None:
            return 1
        return max(1, min(MAX_BATCH, int(BATCH_S / self._seconds_per_task)))

    def _learn(self, seconds: float) -> None:
        """Follow slow tasks at once and fast ones soon: claiming too much costs others time."""
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
                time.sleep(AGAIN_S)  # winding up: the link has no patience any more
            except FlowkitError as error:
                self._trouble.on_error(error)
                return

    def _report_while_busy(self) -> None:
        desk = self._desk
        while desk.unsent or desk.inbox:
            time.sleep(REPORT_S)
            since = self._since
            if not since:
                continue
            busy = time.monotonic() - since
            if busy > REPORT_S and desk.unsent:
                desk.exchange(0)
            if busy > GIVE_BACK_S and desk.inbox:
                desk.give_back()
