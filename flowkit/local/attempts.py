"""Making attempts in this process: call the function, and report the outcome.

``Attempts`` begins attempts on request and puts a ``LocalOutcome`` for each into one queue. The
runner (runner.py) decides what follows. Its rules:

1.  After ``note_stop``, only tasks that run after a failure begin; after ``stop``, no task begins.
    If the DAG stops on failure, an attempt that fails for good has the effect of ``note_stop`` at
    once, so that no queued task begins before the runner sees the failure.
2.  Every attempt that has begun puts exactly one outcome, or none if it was abandoned. The lock
    ensures that an attempt is either abandoned or ended.
3.  The condition is evaluated in the first attempt only. An error in it is not retried.
4.  Each attempt, with its condition and its cache key, runs in a separate copy of the context in
    which ``run`` was called.

The threads of the pool call plain tasks, in this process or in child processes. Async tasks share
one event loop in this process. If the caller bounded the parallelism, each async task occupies a
thread of the pool while it runs, so that the bound holds for both kinds together.
"""

from __future__ import annotations

import os
import time
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..context import enter_attempt
from ..core.compiled import OnFailure
from ..core.states import TaskState
from ..definition.call_plan import own_arguments, plan_for, why_skipped
from ..definition.calls import CallTask
from ..definition.task import Task
from ..execution.progress import REPORTERS, end_reports
from ..logging.streams import PRINTED, end_lines
from ..processes.forked import end_if_forked
from ..state.open_batches import take_part
from .lanes import Lanes
from .outcome import Key, LocalOutcome
from .run_context import RunContext
from .verdicts import outcome_of_error, outcome_of_result

if TYPE_CHECKING:
    from .processes.pool import Processes

OpenCall = tuple[Task, Sequence[Any], Mapping[str, Any]]


class Attempts:
    """The attempts of one run, and the queue of their outcomes."""

    def __init__(
        self,
        context: RunContext,
        lanes: Lanes,
        *,
        processes: Processes | None = None,
        outcomes: SimpleQueue[LocalOutcome] | None = None,
    ) -> None:
        """``processes``: where to call plain tasks, None for this process. ``outcomes``: the queue
        of a run that a task has called, which shares the lanes.
        """
        self.outcomes = SimpleQueue[LocalOutcome]() if outcomes is None else outcomes
        self._stopping, self._closed, self._pid = False, False, os.getpid()
        self._context, self._cache = context, context.cache
        self._processes = processes
        self._tasks, self._graph = context.numbered.tasks, context.indexed.graph
        self._items, self._name_of = context.items, context.numbered.namer()
        self._bounded, self._lanes = lanes.bounded, lanes
        self._contexts, self._loop = lanes.contexts, lanes.loop
        self._lock = Lock()
        # Only attempts with a timeout can be abandoned, so only they are kept here.
        self._ended: set[Key] = set()
        self._abandoned: set[Key] = set()
        self._futures: dict[Key, Future[Any]] = {}

    def open(self) -> None:
        """Make sure that attempts can be made, before the first one. Raises DAGError."""
        if self._processes is not None:
            self._processes.open()

    def begin(self, index: int, attempt: int) -> None:
        """Queue an attempt of the task with that number."""
        task, key = self._tasks[index], (index, attempt)
        records = task.at_most_once and self._context.starting is not None
        blocks = task.cache_ttl is not None or records
        if not task.is_async or self._bounded or blocks:
            self._lanes.pool.put(partial(self._attempt, key))
            return
        # The loop calls a coroutine in a copy of the context from which it was submitted.
        submit, lost = self._loop.submit, partial(self._report_failure, key, retry=False)
        future = self._contexts.new().run(submit, self._attempt_async(key), lost)
        if task.timeout is not None:
            self._futures[key] = future

    def abandon(self, index: int, attempt: int) -> bool:
        """Abandon an attempt after its timeout; False if its outcome is already in the queue."""
        task, key = self._tasks[index], (index, attempt)
        with self._lock:
            if key in self._ended:
                return False
            self._abandoned.add(key)
            future = self._futures.get(key)
        self._lanes.is_stuck = True
        if future is not None:
            future.cancel()
        if not task.is_async or self._bounded:
            self._lanes.pool.replace_one()
        return True

    def note_stop(self) -> None:
        """Record that the run is stopping: only tasks that run after a failure begin from now."""
        self._stopping = True

    def stop(self, *, at_once: bool) -> None:
        """End the threads. ``at_once``: do not wait for running attempts."""
        self.close()
        if self._processes is not None:
            self._processes.stop(at_once=at_once)
        self._lanes.stop(at_once=at_once)

    def close(self) -> None:
        """Let no attempt begin any more."""
        self._closed = True

    def was_cached(self, index: int) -> bool:
        """Return whether the result of the task with that number came from the cache."""
        return self._cache is not None and self._cache.was_found(index)

    # -- one attempt -----------------------------------------------------------------------

    def _attempt(self, key: Key) -> bool:
        """Make one attempt in a thread of the pool; False if it was abandoned meanwhile."""
        call = self._open(key)
        if call is None:
            return True
        task, args, kwargs = call
        if task.is_async:  # it needs a thread for the bound, or for its cache, which may block
            return self._hand_over(key, call)
        if self._processes is not None and type(task.func) is not CallTask:
            return self._in_process(self._processes, key, call)
        begun = time.perf_counter()
        try:
            value = task.func(*args, **kwargs)
        except BaseException as error:
            end_if_forked(self._pid, error)
            return self._report_failure(key, error)
        end_if_forked(self._pid)
        return self._report_result(key, value, time.perf_counter() - begun)

    def _in_process(self, processes: Processes, key: Key, call: OpenCall) -> bool:
        from .processes.messages import ChildFailure
        from .processes.pool import RepeatCall

        _, args, kwargs = call
        try:
            value, seconds = processes.call(*key, args, kwargs)
        except RepeatCall:
            if not self._may_begin(key[0]):
                return self._report(LocalOutcome(*key, TaskState.CANCELLED))
            return self._in_process(processes, key, call)
        except ChildFailure as failure:
            return self._report_failure(key, failure.error, retry=failure.retry)
        except BaseException as error:
            return self._report_failure(key, error)
        return self._report_result(key, value, seconds)

    async def _attempt_async(self, key: Key) -> None:
        call = self._open(key)
        if call is not None:
            await self._call_async(key, call)

    async def _call_async(self, key: Key, call: OpenCall) -> None:
        task, args, kwargs = call
        begun = time.perf_counter()
        try:
            value = await self._loop.as_root(task.func(*args, **kwargs))
        except BaseException as error:
            end_if_forked(self._pid, error)
            import asyncio

            self._report_failure(key, error)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        end_if_forked(self._pid)
        self._report_result(key, value, time.perf_counter() - begun)

    def _hand_over(self, key: Key, call: OpenCall) -> bool:
        """Call an async task on the loop. Wait for its end if the parallelism is bounded."""
        coroutine = self._call_async(key, call)
        try:
            future = self._to_loop(key, coroutine)
        except Exception as error:  # no thread for the loop, or the run has been stopped
            coroutine.close()
            return self._report_failure(key, error, retry=False)
        if not self._bounded:
            return True
        with suppress(CancelledError):
            future.exception()
        return key not in self._abandoned

    def _to_loop(self, key: Key, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        future = self._loop.submit(coroutine, partial(self._report_failure, key, retry=False))
        if self._tasks[key[0]].timeout is None:
            return future
        with self._lock:
            self._futures[key] = future
            late = key in self._abandoned
        if late:
            future.cancel()
        return future

    def _open(self, key: Key) -> OpenCall | None:
        """Return what to call, or None if the outcome was reported without a call."""
        index, attempt = key
        task, context = self._tasks[index], self._context
        if not self._may_begin(index):
            self._report(LocalOutcome(index, attempt, TaskState.CANCELLED))
            return None
        try:
            args: Sequence[Any] = context.arguments(index)
            about = context.run_id, self._name_of(index), attempt, context.params
            enter_attempt(*about, comeback=context.comebacks.of(index))
            if context.batches:
                take_part(context.batches)
            plan = plan_for(task)
            if attempt == 1 and plan.when is not None:
                comes_after = self._graph.has_upstream(context.node(index))
                if not plan.should_run(args, comes_after=comes_after):
                    why = why_skipped(args, comes_after=comes_after)
                    self._report(LocalOutcome(index, attempt, TaskState.SKIPPED, why))
                    return None
            kwargs = plan.keywords(len(args), context.params, task.kwargs)
            cached = context.find_cached(index, args, kwargs)
            if task.copy_arguments and (self._processes is None or task.is_async):
                args, kwargs = own_arguments(task, args, kwargs)
            if cached is None and task.at_most_once and context.starting is not None:
                context.starting(index)
        except BaseException as error:
            self._report_failure(key, error, retry=False)
            return None
        if cached is not None:
            self._report(LocalOutcome(index, attempt, TaskState.SUCCEEDED, cached.value))
            return None
        context.events.started(index, attempt)
        if task.timeout is not None and (task.is_async or self._processes is None):
            deadline = time.monotonic() + task.timeout
            self.outcomes.put(LocalOutcome(index, attempt, TaskState.RUNNING, deadline))
        return task, args, kwargs

    def _may_begin(self, index: int) -> bool:
        if self._closed or (self._items is not None and self._items.is_halted(index)):
            return False
        return not self._stopping or self._context.continues(index)

    def _report_result(self, key: Key, value: object, seconds: float) -> bool:
        return self._report(outcome_of_result(self._context, key, value, seconds))

    def _report_failure(self, key: Key, error: BaseException, *, retry: bool | None = None) -> bool:
        """``retry``: whether to retry the error, None to ask the task."""
        return self._report(outcome_of_error(self._context, key, error, retry=retry))

    def _report(self, outcome: LocalOutcome) -> bool:
        if PRINTED:
            end_lines()
        if self._context.check is not None:
            outcome = self._context.check(self._tasks[outcome.task], outcome)
        if REPORTERS:
            end_reports()
        if self._tasks[outcome.task].timeout is not None:
            key = outcome.task, outcome.attempt
            with self._lock:
                if key in self._abandoned:
                    return False
                self._ended.add(key)
                self._futures.pop(key, None)
        if outcome.state is TaskState.FAILED and self._context.fails_run(outcome.task):
            self._stopping = self._stopping or self._context.on_failure is OnFailure.STOP
            if self._context.items is not None:
                self._context.items.halt(outcome.task)
        self.outcomes.put(outcome)
        return True
