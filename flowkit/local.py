"""Running a DAG in this process.

The calling thread carries out what ``core.run.Run`` decides, the same resolver that the scheduler
uses: it begins attempts (local_attempts.py), waits for their outcomes, and tells the resolver. It
alone touches the run's state, so nothing here needs a lock. Retries wait in a heap by due time,
never in a thread.

A timeout ends the attempt, not the function: a coroutine is cancelled, but a thread cannot be
killed. Its attempt counts as failed with TaskTimeout, another thread takes its place, and what it
returns later is dropped. Over Redis the process is killed instead.

On Ctrl-C nothing more begins, coroutines are cancelled, and KeyboardInterrupt leaves at once.
"""

from __future__ import annotations

import heapq
import os
import random
import time
import uuid
from collections.abc import Iterable, Mapping
from itertools import count
from queue import Empty
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .checks import check_params
from .core.commands import Command, FinishRun, QueueTasks, StopRun, StopTasks
from .core.retry import delay_before_retry
from .core.run import Run
from .core.states import RunState, TaskState
from .exceptions import TaskTimeout, WaitTimeout
from .invoke import may_retry
from .layout import Layout
from .local_attempts import Attempts, Outcome, RunContext
from .log_output import plain
from .logging import LogLevel, get_logger

if TYPE_CHECKING:
    from .dag import DAG
    from .local_record import Recorder
    from .state import StateStore

Fact = tuple[int, TaskState]


def run_threads(
    dag: DAG,
    *,
    max_workers: int | None = None,
    params: Mapping[str, Any] | None = None,
    timeout: float | None = None,
    recording: tuple[StateStore, bool] | None = None,
) -> dict[str, Any]:
    """Run ``dag`` on threads and return {task name: result}. See ``DAG.run``.

    ``recording``: the store that takes the results, and whether those in it are reused.
    """
    layout = dag.layout()
    given = MappingProxyType(dict(params or {}))
    check_params(dag.name, layout, given)
    run = _LocalRun(dag, layout, given, max_workers or dag.max_workers)
    if recording is not None:
        from .local_record import Recorder

        state, resume = recording
        run.recorder = Recorder(state, dag.name, layout, given, resume=resume)
    return run.run(timeout)


class _Timer(NamedTuple):
    """Something due at ``when`` (monotonic seconds): a retry, or else the end of an attempt."""

    when: float
    order: int
    task: int
    attempt: int
    is_retry: bool


class _LocalRun:
    """One run of one DAG in this process."""

    def __init__(
        self, dag: DAG, layout: Layout, params: Mapping[str, Any], max_workers: int | None
    ) -> None:
        self._dag, self._tasks = dag, layout.tasks
        self._run = Run(layout.graph, on_failure=dag.on_failure)
        self._results: list[Any] = [None] * len(layout.tasks)
        self._current = [1] * len(layout.tasks)  # the attempt whose outcome counts; 0: over
        self._errors: dict[int, BaseException] = {}
        self._failed: int | None = None
        self._timers: list[_Timer] = []
        self._order = count()
        self._logger = get_logger()
        self._progress = 0
        self.recorder: Recorder | None = None
        self._run_id = uuid.uuid4().hex
        context = RunContext(
            self._run_id, layout, params, self._results, dag.on_failure, self._logger
        )
        workers = max_workers or min(32, (os.cpu_count() or 1) + 4)
        self._attempts = Attempts(context, workers, bounded=max_workers is not None)

    def run(self, timeout: float | None) -> dict[str, Any]:
        """Run to the end and return the results, or raise the first failure."""
        begun = time.monotonic()
        end = None if timeout is None else begun + timeout
        self._logger.log_dag_start(self._dag.name, len(self._tasks))
        at_once = True
        try:
            self._obey(self._begin())
            while not self._run.finished:
                self._advance(end)
            at_once = False
        finally:
            self._attempts.stop(at_once=at_once)
        if self._run.outcome is not RunState.SUCCEEDED:
            raise self._failure()
        self._logger.log_dag_complete(self._dag.name, len(self._tasks), time.monotonic() - begun)
        state = self._run.state
        return {
            task.name: self._results[index]
            for index, task in enumerate(self._tasks)
            if state(index) is TaskState.SUCCEEDED
        }

    def _begin(self) -> list[Command]:
        """Start the run, or take it up again with the results of an earlier one."""
        if self.recorder is None:
            return self._run.start()
        reused = self.recorder.begin(self._run_id)
        for index, (_, value) in reused.items():
            self._results[index], self._current[index] = value, 0
        return self._run.restore((index, state) for index, (state, _) in reused.items())

    # -- carrying out ----------------------------------------------------------------------

    def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if isinstance(command, QueueTasks):
                for index in command.tasks:
                    self._attempts.begin(index, 1)
            elif isinstance(command, StopRun):
                self._attempts.stopping = True
            elif isinstance(command, StopTasks):
                self._obey(self._run.tasks_over(self._drop_retries()))
            elif isinstance(command, FinishRun):
                self._failed = command.failed

    def _drop_retries(self) -> list[Fact]:
        """Cancel what waits for a retry; what is queued cancels itself when its turn comes."""
        dropped = [timer for timer in self._timers if timer.is_retry]
        self._timers = [timer for timer in self._timers if not timer.is_retry]
        heapq.heapify(self._timers)
        return [(timer.task, TaskState.CANCELLED) for timer in dropped]

    # -- taking in -------------------------------------------------------------------------

    def _advance(self, end: float | None) -> None:
        """Wait until something has happened, then tell the resolver and do what it says."""
        facts: list[Fact] = []
        for outcome in self._recorded(self._wait(end)):
            self._take(outcome, facts)
        now = time.monotonic()
        while self._timers and self._timers[0].when <= now:
            self._ring(heapq.heappop(self._timers), facts)
        if facts:
            self._obey(self._run.tasks_over(facts))
            self._log_progress()
        if end is not None and now >= end and not self._run.finished:
            raise WaitTimeout(
                self._run_id,
                f"DAG {self._dag.name!r} did not end in the time given, so it was stopped: no "
                "further task starts. Give run() a longer timeout.",
            )

    def _wait(self, end: float | None) -> list[Outcome]:
        """Return all outcomes at hand; none if a timer, or the end, is due first."""
        due = [
            when
            for when in (end, self._timers[0].when if self._timers else None)
            if when is not None
        ]
        patience = max(0.0, min(due) - time.monotonic()) if due else None
        outcomes = self._attempts.outcomes
        try:
            found = [outcomes.get(timeout=patience)]
            while not outcomes.empty():
                found.append(outcomes.get_nowait())
        except Empty:
            return []
        return found

    def _recorded(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Have the results among them recorded; what cannot be is a failure from here on."""
        if self.recorder is None or not outcomes:
            return outcomes
        current = self._current
        return self.recorder.record([one for one in outcomes if one.attempt == current[one.task]])

    def _take(self, outcome: Outcome, facts: list[Fact]) -> None:
        index, attempt, state, value, duration = outcome
        if attempt != self._current[index]:
            return
        if state is TaskState.RUNNING:
            self._set_timer(value, index, attempt, is_retry=False)
            return
        if state is TaskState.WAITING and self._retry(index, attempt, value):
            return
        self._current[index] = 0
        name = self._tasks[index].name
        if state is TaskState.SUCCEEDED:
            self._results[index] = value
            self._logger.log_task_success(name, duration)
        elif state is TaskState.SKIPPED:
            self._logger.log_task_skip(name, value)
        elif state is not TaskState.CANCELLED:
            state = TaskState.FAILED
            self._errors[index] = value
            self._logger.log_task_failure(name, value)
        facts.append((index, state))

    def _ring(self, timer: _Timer, facts: list[Fact]) -> None:
        index, attempt = timer.task, timer.attempt
        if attempt != self._current[index]:
            return
        if timer.is_retry:
            self._attempts.begin(index, attempt)
        elif self._attempts.abandon(index, attempt):
            task = self._tasks[index]
            error = TaskTimeout(task.name, task.timeout or 0.0)
            again = may_retry(task, error)
            state = TaskState.WAITING if again else TaskState.FAILED
            self._take(Outcome(index, attempt, state, error), facts)

    def _retry(self, index: int, failures: int, error: BaseException) -> bool:
        """Set the timer of the next attempt; False if there is none."""
        if self._run.outcome is not None:
            return False
        task = self._tasks[index]
        jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
        delay = delay_before_retry(task.policy, failures, jitter)
        if delay is None:
            return False
        self._current[index] = failures + 1
        self._set_timer(time.monotonic() + delay, index, failures + 1, is_retry=True)
        why = f"{type(error).__name__}: {plain(error)}"
        self._logger.log_task_retry(task.name, failures, task.retries, delay, error=why)
        return True

    def _set_timer(self, when: float, index: int, attempt: int, *, is_retry: bool) -> None:
        heapq.heappush(self._timers, _Timer(when, next(self._order), index, attempt, is_retry))

    # -- telling ---------------------------------------------------------------------------

    def _log_progress(self) -> None:
        """Write a line whenever another tenth of the tasks is over."""
        tenths = 10 * self._run.over // len(self._tasks)
        if tenths > self._progress and self._run.outcome in (None, RunState.SUCCEEDED):
            self._progress = tenths
            self._logger.log_dag_progress(self._dag.name, self._run.over, len(self._tasks))

    def _failure(self) -> BaseException:
        """Return the first failure, with a note that says whose it is."""
        failed = next(iter(self._errors)) if self._failed is None else self._failed
        error, name = self._errors[failed], self._tasks[failed].name
        others = [self._tasks[index].name for index in self._errors if index != failed]
        note = f"Raised by task {name!r} of DAG {self._dag.name!r}."
        if others:
            note += f" Failed as well: {', '.join(map(repr, others[:10]))}."
        error.add_note(note)
        self._logger.event(
            LogLevel.ERROR,
            "dag_failure",
            f"DAG failed: {self._dag.name} (task {name})",
            dag_name=self._dag.name,
            task_name=name,
            failed=len(self._errors),
        )
        return error
