"""Making attempts in this process: call the function, and report how it went.

``Attempts`` is asked to begin attempts and puts an ``Outcome`` for each into one queue; what
follows from it is decided elsewhere (local.py). Its rules:

1.  Nothing begins after ``stopping`` is set. An attempt that fails for good sets it at once when
    the DAG stops on failure, so that no queued task slips in before the failure is looked at.
2.  Every attempt begun puts exactly one outcome, unless it was abandoned; then none. The lock
    makes "abandoned" and "ended" exclude each other.
3.  The condition is asked in the first attempt only, and its error is no reason to try again.

Async tasks share one event loop. If the caller bounded the parallelism, each of them holds a
thread of the crew while it runs, so that the bound holds for both kinds together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from types import CoroutineType
from typing import Any, NamedTuple

from .context import enter_attempt
from .core.compiled import OnFailure
from .core.states import TaskState
from .invoke import may_retry, plan_for
from .lanes import Crew, LoopThread
from .layout import Layout
from .logging import FlowkitLogger
from .task import Task

Key = tuple[int, int]  # task number, attempt number


class Outcome(NamedTuple):
    """How an attempt went.

    ``state``: SUCCEEDED (``value``: result), FAILED (for good; the exception), WAITING (worth a
    retry; the exception), SKIPPED (the reason), CANCELLED, or RUNNING (begun; its deadline).
    """

    task: int
    attempt: int
    state: TaskState
    value: Any = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all attempts of a run share. ``results`` by task number, None where there is none."""

    run_id: str
    layout: Layout
    params: Mapping[str, Any]
    results: Sequence[Any]
    on_failure: OnFailure
    logger: FlowkitLogger


class Attempts:
    """The attempts of one run. ``max_workers``: of the crew; ``bounded``: the caller chose it."""

    def __init__(self, context: RunContext, max_workers: int, *, bounded: bool) -> None:
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.stopping = False
        self._context = context
        self._tasks, self._graph = context.layout.tasks, context.layout.graph
        self._bounded = bounded
        self._crew: Crew[Key] = Crew(self._attempt, max_workers)
        self._loop = LoopThread()
        self._lock = Lock()
        # Only attempts with a timeout can be abandoned, so only they are kept here.
        self._ended: set[Key] = set()
        self._abandoned: set[Key] = set()
        self._futures: dict[Key, Future[Any]] = {}

    def begin(self, index: int, attempt: int) -> None:
        """Queue an attempt of the task with that number."""
        task, key = self._tasks[index], (index, attempt)
        if not task.is_async or self._bounded:
            self._crew.put(key)
            return
        future = self._loop.submit(self._attempt_async(key))
        if task.timeout is not None:
            self._futures[key] = future

    def abandon(self, index: int, attempt: int) -> bool:
        """Give up an attempt whose time is over; False if its outcome is already in the queue."""
        task, key = self._tasks[index], (index, attempt)
        with self._lock:
            if key in self._ended:
                return False
            self._abandoned.add(key)
            future = self._futures.get(key)
        if future is not None:
            future.cancel()
        if not task.is_async or self._bounded:
            self._crew.replace_one()
        return True

    def stop(self, *, at_once: bool) -> None:
        """End the threads; ``at_once``: leave what still runs behind."""
        self.stopping = True
        wait = not at_once and not self._abandoned
        self._crew.stop(wait=wait)
        self._loop.stop(wait=wait)

    # -- one attempt -----------------------------------------------------------------------

    def _attempt(self, key: Key) -> bool:
        """Make one attempt in a thread of the crew; False if it was abandoned meanwhile."""
        call = self._open(key)
        if call is None:
            return True
        task, args, kwargs = call
        begun = time.perf_counter()
        try:
            value = self._in_loop(key, call) if task.is_async else task.func(*args, **kwargs)
            if type(value) is CoroutineType:
                raise _hidden_coroutine(task, value)
        except BaseException as error:
            return self._report_failure(key, error)
        duration = time.perf_counter() - begun
        return self._report(Outcome(*key, TaskState.SUCCEEDED, value, duration))

    async def _attempt_async(self, key: Key) -> None:
        from asyncio import CancelledError

        call = self._open(key)
        if call is None:
            return
        task, args, kwargs = call
        begun = time.perf_counter()
        try:
            value = await task.func(*args, **kwargs)
        except BaseException as error:
            self._report_failure(key, error)
            if isinstance(error, CancelledError):
                raise
            return
        self._report(Outcome(*key, TaskState.SUCCEEDED, value, time.perf_counter() - begun))

    def _in_loop(self, key: Key, call: tuple[Task, list[Any], Mapping[str, Any]]) -> Any:
        task, args, kwargs = call
        future = self._loop.submit(task.func(*args, **kwargs))
        with self._lock:
            self._futures[key] = future
            late = key in self._abandoned
        if late:
            future.cancel()
        return future.result()

    def _open(self, key: Key) -> tuple[Task, list[Any], Mapping[str, Any]] | None:
        """Return what to call, or None if the outcome is clear (and reported) without a call."""
        index, attempt = key
        task, context = self._tasks[index], self._context
        if self.stopping:
            self._report(Outcome(index, attempt, TaskState.CANCELLED))
            return None
        try:
            args = [context.results[upstream] for upstream in self._graph.upstream(index)]
            enter_attempt(context.run_id, task.name, attempt, context.params)
            plan = plan_for(task)
            if attempt == 1 and not plan.should_run(args):
                reason = "its condition is false" if args else "conditional, without upstream"
                self._report(Outcome(index, attempt, TaskState.SKIPPED, reason))
                return None
            kwargs = plan.keywords(len(args), context.params, task.kwargs)
        except BaseException as error:
            self._report_failure(key, error, final=True)
            return None
        context.logger.log_task_start(task.name)
        if task.timeout is not None:
            deadline = time.monotonic() + task.timeout
            self.outcomes.put(Outcome(index, attempt, TaskState.RUNNING, deadline))
        return task, args, kwargs

    def _report_failure(self, key: Key, error: BaseException, *, final: bool = False) -> bool:
        index, attempt = key
        task = self._tasks[index]
        final = final or attempt > task.retries or not may_retry(task, error)
        return self._report(
            Outcome(index, attempt, TaskState.FAILED if final else TaskState.WAITING, error)
        )

    def _report(self, outcome: Outcome) -> bool:
        if self._tasks[outcome.task].timeout is not None:
            key = outcome.task, outcome.attempt
            with self._lock:
                if key in self._abandoned:
                    return False
                self._ended.add(key)
                self._futures.pop(key, None)
        if outcome.state is TaskState.FAILED and self._context.on_failure is OnFailure.STOP:
            self.stopping = True
        self.outcomes.put(outcome)
        return True


def _hidden_coroutine(task: Task, value: CoroutineType[Any, Any, Any]) -> TypeError:
    value.close()
    return TypeError(
        f"Task {task.name!r} returned a coroutine that nobody awaits: a decorator hides that its "
        "function is async. Make the decorator's wrapper an `async def` that awaits it."
    )
