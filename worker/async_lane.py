"""The async lane: runs ``async def`` tasks concurrently on one event loop.

It has three threads. The loop runs the coroutines. The pump talks to Redis: it claims as many
attempts as there are free slots and sends outcomes as they come. The waiter blocks until there is
work. The sync lane and the async lane do not block each other.

The parent ends a coroutine that blocks the loop past its deadline, as in the sync lane.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from flowkit.context import enter_attempt
from flowkit.exceptions import RedisUnavailable, StoreError, TaskTimeout
from flowkit.execution.attempt_contexts import AttemptContexts
from flowkit.execution.progress import REPORTERS, end_reports
from flowkit.execution.steady_loop import enter_root, leave_root, run_steadily
from flowkit.processes.forked import end_if_forked
from flowkit.protocol.keys import queue_of
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import WorkerStore

from .execution_slots import ExecutionSlots
from .executor import Executor
from .inputs import Inputs
from .lane_counts import LaneTally, Writer
from .mailbox import Mailbox
from .prepared import NotHere, Prepared
from .trouble import Trouble

POLL_S = 2.0
AGAIN_S = 0.2
GATHER_S = 0.001  # outcomes that come within this time are sent together,
FEW = 8  # if more attempts than this are running
BLOCKED_LOOP_S = 1.0  # the parent ends a coroutine this long after its deadline


class AsyncLane:
    """One child's lane for coroutine functions."""

    def __init__(
        self,
        mailbox: Mailbox,
        waiter: WorkerStore,
        inputs: Inputs,
        executor: Executor,
        slots: ExecutionSlots,
        *,
        trouble: Trouble,
    ) -> None:
        """``slots``: all but the first set the concurrency. ``trouble`` handles errors of Redis."""
        self._mailbox = mailbox
        self._waiter = waiter
        self._inputs = inputs
        self._executor = executor
        self._slots = slots
        self._free = list(range(1, slots.count))
        self._capacity = len(self._free)
        self._contexts = AttemptContexts()
        self._pid = os.getpid()
        self._begun: set[asyncio.Task[None]] = set()
        self._running: dict[str, asyncio.Task[None] | None] = {}
        self._cancelled: set[str] = set()
        self._trouble = trouble
        self._draining = trouble.draining
        self._news = threading.Condition()
        self._hungry = True
        self._loop = asyncio.new_event_loop()
        self._is_over = False
        self._pump = threading.Thread(target=self._guarded(self._pump_on), name="pump", daemon=True)
        queues = [queue_of(name) for name in mailbox.lists]
        self._ended = LaneTally(slots.counts, Writer.LOOP, queues, inputs.known).ended
        self._ended_uncalled = LaneTally(slots.counts, Writer.PUMP, queues, inputs.known).ended
        self.done = 0

    def start(self) -> None:
        """Start the threads."""
        run_loop = self._guarded(lambda: run_steadily(self._loop, lambda: self._is_over))
        loop = threading.Thread(target=run_loop, name="loop", daemon=True)
        waiter = threading.Thread(target=self._guarded(self._wait_on), name="waiter", daemon=True)
        for thread in (loop, self._pump, waiter):
            thread.start()

    def set_claimers(self, claimers: int) -> None:
        """Set how many claimers a short list is to be divided among. Any thread."""
        self._mailbox.claimers = claimers

    def drain(self) -> None:
        """Claim nothing more. Any thread."""
        self._draining.set()
        self._tell()

    def join(self) -> None:
        """Wait until the running attempts have ended and are reported."""
        self._pump.join()
        self._is_over = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def cancel(self, attempt: str) -> None:
        """End this attempt (``run,task,attempt``). Any thread."""

        def on_loop() -> None:
            # An attempt that has not begun checks the mark when it does. Cancelling it now would
            # end it before its first line, and it would never free its slot.
            self._cancelled.add(attempt)
            running = self._running.get(attempt)
            if running is not None:
                running.cancel()

        self._loop.call_soon_threadsafe(on_loop)

    # -- the pump and the waiter ------------------------------------------------------------------

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # without this thread the lane would hang silently
                self._trouble.on_error(error)

        return guarded

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    def _pump_on(self) -> None:
        mailbox = self._mailbox
        while True:
            draining = self._draining.is_set()
            room = len(self._free) if self._hungry and not draining else 0
            if room or mailbox.unsent:
                try:
                    got = self._trouble.outlast(partial(mailbox.exchange, room))
                except StoreError:
                    # While draining the link does not wait; the parent does, up to a deadline.
                    if not self._draining.is_set():
                        raise
                    time.sleep(AGAIN_S)
                    continue
                self._hungry = self._hungry and (got > 0 or not room)
                self._start_claims()
                continue
            if draining and len(self._free) == self._capacity:
                return
            with self._news:
                if not mailbox.unsent:
                    self._news.wait(POLL_S)
            if len(self._running) > FEW:
                time.sleep(GATHER_S)

    def _wait_on(self) -> None:
        lists, app = self._mailbox.lists, self._mailbox.app
        while not self._draining.is_set():
            if self._hungry or not self._free:
                time.sleep(0.01)
                continue
            try:
                self._trouble.outlast(lambda: self._waiter.wait_for_work(lists, POLL_S, app))
            except StoreError:
                if not self._draining.is_set():
                    raise
            self._hungry = True
            self._tell()

    def _start_claims(self) -> None:
        mailbox = self._mailbox
        self._inputs.prefetch(list(mailbox.inbox))
        while mailbox.inbox:
            claim = mailbox.inbox.popleft()
            slot = self._free.pop()
            # From here on user code and data can end this process: the slot names the attempt.
            self._slots.enter(slot, self._executor.slot_key(claim))
            context = self._contexts.new()  # the condition and the cache key may set variables too
            try:
                prepared = context.run(self._executor.prepare, claim)
            except RedisUnavailable:  # the lane is draining: the attempt is given back
                raise
            except BaseException as error:
                end_if_forked(self._pid, error)
                prepared = self._executor.broken(claim, error)
            if not isinstance(prepared, Prepared):
                if isinstance(prepared, NotHere):
                    self._trouble.outlast(partial(mailbox.hand_on, claim, prepared.function))
                else:
                    mailbox.put(prepared)
                    self._ended_uncalled(claim, 0.0)
                self._slots.leave(slot)
                self._free.append(slot)
            else:
                self._loop.call_soon_threadsafe(self._begin, prepared, slot, context=context)

    # -- on the loop ------------------------------------------------------------------------------

    def _begin(self, prepared: Prepared, slot: int) -> None:
        attempt = self._attempt(prepared, slot)
        try:
            beginning = self._loop.create_task(attempt, name=prepared.name)
        except BaseException as error:  # the app's task factory may raise anything
            attempt.close()
            self._end(prepared, slot, self._executor.broken(prepared.claim, error))
            return
        self._begun.add(beginning)
        beginning.add_done_callback(self._begun.discard)

    async def _attempt(self, prepared: Prepared, slot: int) -> None:
        claim = prepared.claim
        key = f"{claim.key},{claim.attempt}"
        try:
            # Each task has its own context, so there is nothing to reset.
            life = claim.life[1]
            who = (claim.run, prepared.name, claim.attempt)
            lane, comeback = self._mailbox.lane, prepared.comeback
            enter_attempt(*who, prepared.params, life, claim.task, lane, comeback)
            if key in self._cancelled:
                outcome = self._executor.cancelled(claim)
            else:
                outcome = await self._outcome(prepared, slot, key)
        except BaseException as error:
            outcome = self._executor.broken(claim, error)
        if REPORTERS:
            end_reports()
        self._cancelled.discard(key)
        self._end(prepared, slot, outcome)

    def _end(self, prepared: Prepared, slot: int, outcome: Outcome) -> None:
        if Flag.AT_MOST_ONCE in prepared.claim.spent.flags:
            # Until its outcome is recorded, its slot must show that it has started.
            self._mailbox.put(outcome, partial(self._vacate, slot))
        else:
            self._slots.leave(slot)
            self._mailbox.put(outcome)
            self._free.append(slot)
        self.done += 1
        self._hungry = True
        self._tell()

    def _vacate(self, slot: int) -> None:
        self._slots.leave(slot)
        self._free.append(slot)

    async def _outcome(self, prepared: Prepared, slot: int, key: str) -> Outcome:
        limit, began = prepared.policy.timeout, time.monotonic()
        if limit is not None:
            deadline = began + limit + BLOCKED_LOOP_S
            self._slots.enter(slot, self._executor.slot_text(prepared), deadline)
        root = enter_root()
        self._running[key] = root[0]
        try:
            result = await self._call(prepared)
            if len(root) > 1:
                raise root[1]
            end_if_forked(self._pid)
            self._slots.disarm(slot)
            return self._executor.succeeded(prepared, result, time.monotonic() - began)
        except BaseException as raised:
            error = root[1] if len(root) > 1 else raised
            end_if_forked(self._pid, error)
            self._slots.disarm(slot)
            if isinstance(error, asyncio.CancelledError) and key in self._cancelled:
                return self._executor.cancelled(prepared.claim)
            return self._executor.raised(prepared, error)
        finally:
            leave_root()
            self._ended(prepared.claim, time.monotonic() - began)
            del self._running[key]

    async def _call(self, prepared: Prepared) -> object:
        limit = prepared.policy.timeout
        timer = asyncio.timeout(limit)
        try:
            async with timer:
                result = prepared.task.func(*prepared.args, **prepared.kwargs)
                if prepared.task.is_async:
                    result = await result
        except Exception as error:
            if timer.expired() and limit is not None:
                cause = None if isinstance(error, TimeoutError) else error
                raise TaskTimeout(prepared.log_name, limit) from cause
            raise
        if timer.expired() and limit is not None:  # it caught its cancellation and returned
            raise TaskTimeout(prepared.log_name, limit)
        return result
