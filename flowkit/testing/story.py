"""Record what happens in a run under test, and provide the environment that it runs in.

``RunRecorder`` receives the same events as the log. ``TestEnvironment`` creates the world of one
run. The jitter of a retry depends on the seed, the task and its failures only, and not on which
thread was first. A result goes through the codec in the attempt's own thread, as on a worker, so
that it fails the attempt before anything depends on it. An attempt that moves the clock beyond its
task's timeout has timed out, whatever it returns or raises.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..basics.again import Again
from ..clock import Clock, FakeClock
from ..codec.packing import pack, unpack
from ..core.commands import MarkTasks
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from ..definition.call_plan import annotate, may_retry
from ..definition.task import Task
from ..events.event import Listener
from ..exceptions import TaskTimeout
from ..execution.progress import end_reports
from ..local.environment import Environment, listener
from ..local.outcome import LocalOutcome
from ..local.run_events import RunEvents
from ..logging.kept_lines import KeptLines
from .result import DagResult, TaskResult

_ENDED_WITHOUT_CANCEL = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.WAITING)


class RunRecorder(RunEvents):
    """Records what happens in a run, by task number. ``failure``: what the run failed with."""

    def __init__(
        self, listener: Listener, run_id: str, dag_name: str, tasks: Sequence[Task]
    ) -> None:
        super().__init__(listener, run_id, dag_name, tasks)
        self.tasks = tasks
        self.failure: BaseException | None = None
        self.order: list[int] = []
        # When the run is over, tasks without any event were cancelled.
        self.states = [TaskState.CANCELLED] * len(tasks)
        self._attempts = [0] * len(tasks)
        self._delays: list[list[float]] = [[] for _ in tasks]
        self._errors: list[list[BaseException]] = [[] for _ in tasks]
        self._notes = [""] * len(tasks)
        self.reports: list[TaskProgress | None] = [None] * len(tasks)
        self.came_again: dict[int, int] = {}  # the last attempt that asked to come again
        self._agains: list[list[float]] = [[] for _ in tasks]

    def task_results(self) -> dict[str, TaskResult]:
        """Return the results of the tasks, by name."""
        fields = (
            *(self.states, self._attempts, self._delays, self._errors),
            *(self._notes, self.reports, self._agains),
        )
        names = (task.name for task in self.tasks)
        return {
            name: TaskResult(name, *values) for name, *values in zip(names, *fields, strict=True)
        }

    # -- events --------------------------------------------------------------------------------

    def reused(self, states: Mapping[int, TaskState]) -> None:
        """Tasks that are not rerun."""
        super().reused(states)
        for task, state in states.items():
            self.states[task], self._notes[task] = state, "of an earlier run"

    def started(self, task: int, attempt: int) -> None:
        """An attempt begins. Called in its own thread."""
        super().started(task, attempt)
        self._attempts[task] += 1
        if attempt == 1:
            self.order.append(task)

    def succeeded(self, task: int, attempt: int, duration: float, *, cached: bool) -> None:
        """A task has succeeded."""
        super().succeeded(task, attempt, duration, cached=cached)
        self.states[task] = TaskState.SUCCEEDED
        if cached:
            self._notes[task] = "cached"

    def skipped(self, task: int, attempt: int, reason: str) -> None:
        """A task was skipped."""
        super().skipped(task, attempt, reason)
        self.states[task], self._notes[task] = TaskState.SKIPPED, reason

    def failed(self, task: int, attempt: int, error: BaseException) -> None:
        """A task has failed for good."""
        super().failed(task, attempt, error)
        self.states[task] = TaskState.FAILED
        self._errors[task].append(error)

    def retried(self, task: int, failures: int, delay: float, error: BaseException) -> None:
        """A task is retried."""
        super().retried(task, failures, delay, error)
        self._delays[task].append(delay)
        self._errors[task].append(error)

    def comes_again(self, task: int, attempt: int, delay: float, times: int) -> None:
        """A task starts again later."""
        super().comes_again(task, attempt, delay, times)
        self.came_again[task] = attempt
        self._agains[task].append(delay)

    def marked(self, command: MarkTasks) -> None:
        """Tasks ended without an attempt."""
        super().marked(command)
        for task in command.tasks:
            self.states[task] = command.state

    def run_failed(self, task: int, error: BaseException, failures: int) -> None:
        """The run has failed."""
        super().run_failed(task, error, failures)
        self.failure = error


class TestEnvironment:
    """The environment of one run under test, and its result."""

    def __init__(self, clock: Clock, seed: int, *, strict_values: bool) -> None:
        self._clock = clock
        self._seed = seed
        self._strict = strict_values
        self._recorder: RunRecorder | None = None
        self._results: list[Any] = []
        self.kept = KeptLines()  # what the tasks print

    def environment(self) -> Environment:
        """Return the environment that the run uses."""
        return Environment(
            self._clock, self._jitter, self._listen, self._new_results, self._checked
        )

    @property
    def failure(self) -> BaseException | None:
        """What the run failed with, None if it has not failed."""
        return None if self._recorder is None else self._recorder.failure

    def result(self, dag_name: str, own: int, elapsed: float) -> DagResult:
        """Return what happened, after the run. ``own``: how many of the tasks are not hooks."""
        recorder = self._recorder
        tasks = {} if recorder is None else recorder.task_results()
        results = {
            name: self._results[number]
            for number, (name, task) in enumerate(tasks.items())
            if number < own and task.state is TaskState.SUCCEEDED and self._keeps(number)
        }
        order = [] if recorder is None else [recorder.tasks[n].name for n in recorder.order]
        return DagResult(dag_name, results, self.failure, tasks, order, elapsed, self.kept)

    def _keeps(self, number: int) -> bool:
        return self._recorder is not None and self._recorder.tasks[number].policy.keep_result

    def _listen(self, run_id: str, dag_name: str, tasks: Sequence[Task]) -> RunRecorder:
        self._recorder = RunRecorder(listener(), run_id, dag_name, tasks)
        return self._recorder

    def _new_results(self, count: int) -> list[Any]:
        self._results = _Copies([None] * count) if self._strict else [None] * count
        return self._results

    def _jitter(self, task: Task, failures: int) -> float:
        return random.Random(f"{self._seed}/{task.name}/{failures}").random()  # noqa: S311

    def _checked(self, task: Task, outcome: LocalOutcome) -> LocalOutcome:
        if self._recorder is not None:
            self._recorder.reports[outcome.task] = end_reports()
        if outcome.state in _ENDED_WITHOUT_CANCEL and self._is_overdue(task, outcome.attempt):
            error = TaskTimeout(task.name, task.timeout or 0.0)
            retried = may_retry(task, error) and self._has_retries(task, outcome)
            state = TaskState.WAITING if retried else TaskState.FAILED
            return outcome._replace(state=state, value=error)
        if self._strict and (outcome.state is TaskState.SUCCEEDED or type(outcome.value) is Again):
            try:
                return outcome._replace(value=_as_stored(outcome.value))
            except BaseException as error:  # CodecError, or an error of a user's class
                return outcome._replace(state=TaskState.FAILED, value=error)
        return outcome

    def _has_retries(self, task: Task, outcome: LocalOutcome) -> bool:
        recorder = self._recorder
        base = 0 if recorder is None else recorder.came_again.get(outcome.task, 0)
        return outcome.attempt - base <= task.retries

    def _is_overdue(self, task: Task, attempt: int) -> bool:
        recorder, clock = self._recorder, self._clock
        if task.timeout is None or recorder is None or not isinstance(clock, FakeClock):
            return False
        return clock.moved_by(recorder.run_id, task.name, attempt) > task.timeout


class _Copies(list[Any]):
    """Results of which every reader gets its own copy, as each task on a worker does."""

    def __getitem__(self, index: Any) -> Any:
        return through_codec(super().__getitem__(index))


def _as_stored(value: object) -> object:
    """Return a result, or the memory of a task that comes again, as the next attempt gets it."""
    if type(value) is Again:
        return replace(value, memory=through_codec(value.memory, "memory"))
    return through_codec(value)


def through_codec(value: object, root: str = "result") -> object:
    """Return the value as a worker would receive it. Raises CodecError."""
    try:
        return unpack(pack(value, root=root))
    except Exception as error:
        annotate(
            error,
            "A run under test sends its values through the codec, as a run on workers does. "
            "run_dag(…, strict_values=False) passes them unchanged.",
        )
        raise
