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
from dataclasses import dataclass, field, replace
from typing import Any

from ..basics.again import Again
from ..clock import Clock, FakeClock
from ..codec.packing import pack, unpack
from ..core.commands import EndMap, MarkTasks
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from ..definition.call_plan import annotate, may_retry
from ..definition.task import Task
from ..events.event import Listener
from ..exceptions import TaskTimeout
from ..execution.progress import end_reports
from ..local.environment import Environment, listener
from ..local.numbered import Numbered
from ..local.outcome import LocalOutcome
from ..local.run_events import RunEvents
from ..logging.kept_lines import KeptLines
from .result import DagResult, TaskResult

_ENDED_WITHOUT_CANCEL = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.WAITING)


class RunRecorder(RunEvents):
    """Records what happens in a run, by task number. ``failure``: what the run failed with."""

    def __init__(
        self, listener: Listener, run_id: str, dag_name: str, numbered: Numbered[Task]
    ) -> None:
        super().__init__(listener, run_id, dag_name, numbered)
        self.numbered = numbered
        self.failure: BaseException | None = None
        self.order: list[int] = []
        self.lengths: dict[int, int] = {}
        self._records = {number: _Record() for number in range(len(numbered.tasks))}

    def task_results(self) -> dict[int, TaskResult]:
        """Return the results of the tasks, and then those of items, by number."""
        return {
            number: self._records[number].result(self.numbered, number)
            for number in sorted(self._records)
        }

    def keeps(self, number: int) -> bool:
        """Return whether the result of a task is kept."""
        return self.numbered.tasks[number].policy.keep_result

    def of(self, number: int) -> _Record:
        """Return the record of a task or an item."""
        return self._records[number]

    # -- events --------------------------------------------------------------------------------

    def expanded(self, task: int, length: int) -> None:
        """A mapped task has so many items from now on."""
        super().expanded(task, length)
        self.lengths[task] = length
        for number in self.numbered.items(task, length):
            self._records.setdefault(number, _Record())

    def reused(self, states: Mapping[int, TaskState]) -> None:
        """Tasks that are not rerun."""
        super().reused(states)
        for task, state in states.items():
            record = self._records[task]
            record.state, record.note = state, "of an earlier run"

    def started(self, task: int, attempt: int) -> None:
        """An attempt begins. Called in its own thread."""
        super().started(task, attempt)
        self._records[task].attempts += 1
        if attempt == 1:
            self.order.append(task)

    def succeeded(self, task: int, attempt: int, duration: float, *, cached: bool) -> None:
        """A task has succeeded."""
        super().succeeded(task, attempt, duration, cached=cached)
        self._records[task].state = TaskState.SUCCEEDED
        if cached:
            self._records[task].note = "cached"

    def skipped(self, task: int, attempt: int, reason: str) -> None:
        """A task was skipped."""
        super().skipped(task, attempt, reason)
        record = self._records[task]
        record.state, record.note = TaskState.SKIPPED, reason

    def failed(self, task: int, attempt: int, error: BaseException) -> None:
        """A task has failed for good."""
        super().failed(task, attempt, error)
        self._records[task].state = TaskState.FAILED
        self._records[task].errors.append(error)

    def retried(self, task: int, failures: int, delay: float, error: BaseException) -> None:
        """A task is retried."""
        super().retried(task, failures, delay, error)
        self._records[task].delays.append(delay)
        self._records[task].errors.append(error)

    def comes_again(self, task: int, attempt: int, delay: float, times: int) -> None:
        """A task starts again later."""
        super().comes_again(task, attempt, delay, times)
        self._records[task].base = attempt
        self._records[task].agains.append(delay)

    def marked(self, command: MarkTasks) -> None:
        """Tasks ended without an attempt."""
        super().marked(command)
        for task in command.tasks:
            self._records[task].state = command.state

    def map_ended(self, end: EndMap, problem: BaseException | None) -> None:
        """A mapped task is over. One that has failed has the errors of its items."""
        super().map_ended(end, problem)
        record = self._records[end.task]
        record.state = end.state
        if end.state is TaskState.FAILED and problem is None:
            items = [self._records[at] for at in self.numbered.items(end.task, end.length)]
            record.errors += [item.errors[-1] for item in items if item.state is end.state]

    def run_failed(self, task: int, error: BaseException, failures: int) -> None:
        """The run has failed."""
        super().run_failed(task, error, failures)
        self.failure = error


@dataclass(slots=True)
class _Record:
    """What happened to one task. When the run is over, one without any event was cancelled."""

    state: TaskState = TaskState.CANCELLED
    attempts: int = 0
    delays: list[float] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    note: str = ""
    report: TaskProgress | None = None
    base: int = 0  # the last attempt that asked to come again
    agains: list[float] = field(default_factory=list)

    def result(self, numbered: Numbered[Task], number: int) -> TaskResult:
        found = (self.state, self.attempts, self.delays, self.errors, self.note, self.report)
        return TaskResult(numbered.plain_name(number), *found, numbered.label(number), self.agains)


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
            self._clock,
            self._jitter,
            self._listen,
            self._new_results,
            self._checked,
            self._copies,
        )

    @property
    def failure(self) -> BaseException | None:
        """What the run failed with, None if it has not failed."""
        return None if self._recorder is None else self._recorder.failure

    def result(self, dag_name: str, own: int, elapsed: float) -> DagResult:
        """Return what happened, after the run. ``own``: how many of the tasks are not hooks."""
        recorder = self._recorder
        if recorder is None:
            return DagResult(dag_name, {}, self.failure, {}, [], elapsed, self.kept)
        found = recorder.task_results()
        count = len(recorder.numbered.tasks)
        tasks = {result.name: result for number, result in found.items() if number < count}
        results = {
            result.name: self._results[number]
            for number, result in found.items()
            if number < own and result.state is TaskState.SUCCEEDED and recorder.keeps(number)
        }
        items = {
            found[task].name: [found[number] for number in recorder.numbered.items(task, length)]
            for task, length in recorder.lengths.items()
        }
        order = [recorder.numbered.plain_name(number) for number in recorder.order]
        end = self.failure, tasks, order, elapsed, self.kept
        return DagResult(dag_name, results, *end, items)

    def _listen(self, run_id: str, dag_name: str, numbered: Numbered[Task]) -> RunRecorder:
        self._recorder = RunRecorder(listener(), run_id, dag_name, numbered)
        return self._recorder

    def _new_results(self, count: int) -> list[Any]:
        self._results = _Copies([None] * count) if self._strict else [None] * count
        return self._results

    def _copies(self, elements: Sequence[Any]) -> Sequence[Any]:
        return _Copies(elements) if self._strict else elements

    def _jitter(self, task: Task, failures: int) -> float:
        return random.Random(f"{self._seed}/{task.name}/{failures}").random()  # noqa: S311

    def _checked(self, task: Task, outcome: LocalOutcome) -> LocalOutcome:
        if self._recorder is not None:
            self._recorder.of(outcome.task).report = end_reports()
        if outcome.state in _ENDED_WITHOUT_CANCEL and self._is_overdue(task, outcome):
            error = TaskTimeout(self._name(outcome.task), task.timeout or 0.0)
            retried = may_retry(task, error) and self._has_retries(task, outcome)
            state = TaskState.WAITING if retried else TaskState.FAILED
            return outcome._replace(state=state, value=error)
        if self._strict and (outcome.state is TaskState.SUCCEEDED or type(outcome.value) is Again):
            try:
                return outcome._replace(value=_as_stored(outcome.value))
            except BaseException as error:  # CodecError, or an error of a user's class
                return outcome._replace(state=TaskState.FAILED, value=error)
        return outcome

    def _name(self, number: int) -> str:
        return "" if self._recorder is None else self._recorder.numbered.plain_name(number)

    def _has_retries(self, task: Task, outcome: LocalOutcome) -> bool:
        base = 0 if self._recorder is None else self._recorder.of(outcome.task).base
        return outcome.attempt - base <= task.retries

    def _is_overdue(self, task: Task, outcome: LocalOutcome) -> bool:
        recorder, clock = self._recorder, self._clock
        if task.timeout is None or recorder is None or not isinstance(clock, FakeClock):
            return False
        attempt = recorder.run_id, self._name(outcome.task), outcome.attempt
        return clock.moved_by(*attempt) > task.timeout


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
