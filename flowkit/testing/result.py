"""The result of a run under test, and assertions on it.

Every assertion returns the result, so that assertions can be chained. A failed one says what was
expected and how the whole run went. Tasks are given by name or as the Task itself. A name that the
DAG does not have is an error in the test (TaskNotFoundError), never a failed assertion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..basics.log_line import LogLine
from ..basics.suggestions import unknown_name
from ..core.numbering import split_name
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from ..definition.task import Task
from ..exceptions import TaskNotFoundError
from ..logging.kept_lines import KeptLines
from ..logging.output import plain

AnyTask = str | Task


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The outcome of one task. Durations are in seconds.

    ``attempts``: calls of its function. ``delays``: the wait before each retry. ``errors``: the
    errors of its attempts. ``note``: why it was skipped, or where its result came from.
    ``progress``: what its last attempt reported last (``flowkit.track``, ``flowkit.progress``).
    ``label``: of an item of a mapped task.
    ``agains``: the delay of each ``flowkit.again`` that it returned.
    """

    name: str
    state: TaskState
    attempts: int
    delays: Sequence[float]
    errors: Sequence[BaseException]
    note: str = ""
    progress: TaskProgress | None = None
    label: str = ""
    agains: Sequence[float] = ()

    def __str__(self) -> str:
        text = f"{self.state.value}, {_counted(self.attempts, 'attempt')}"
        if self.delays:
            waits = " and ".join(f"{delay:.1f} s" for delay in self.delays)
            text += f", retried after {waits}"
        if self.agains:
            text += f", came again {_counted(len(self.agains), 'time')}"
        text += f" ({self.note})" if self.note else ""
        return f"{text}: {described(self.errors[-1])}" if self.errors else text


@dataclass(frozen=True, slots=True)
class DagResult:
    """A run that is over.

    ``results``: as ``dag.run()`` returns them, even if the run failed. ``error``: what
    ``dag.run()`` would have raised, None if the run succeeded. ``tasks``: each task by name,
    including hooks.
    ``order``: the names of the tasks that ran, in the order of their starts; parallel tasks may be
    in any order. ``elapsed``: seconds that passed on the run's clock. ``mapped``: the items of each
    mapped task that has expanded, by its name.
    """

    dag: str
    results: Mapping[str, Any]
    error: BaseException | None
    tasks: Mapping[str, TaskResult]
    order: Sequence[str]
    elapsed: float
    kept: KeptLines = field(default_factory=KeptLines, repr=False, compare=False)
    mapped: Mapping[str, Sequence[TaskResult]] = field(default_factory=dict)

    def __str__(self) -> str:
        ended = "succeeded" if self.succeeded else "failed"
        raised = (self.error, None if self.error is None else self.error.__cause__)
        failed = [
            task.name
            for task in self.tasks.values()
            if any(error in raised for error in task.errors[-1:])
        ]
        because = f" because of task {failed[0]!r}" if failed else ""
        head = f"DAG {self.dag!r} {ended}{because}, after {self.elapsed:.1f} s on its clock:"
        width = max(map(len, self.tasks), default=0)
        return "\n".join([head, *(f"  {name:{width}}  {self.tasks[name]}" for name in self.tasks)])

    # -- reading -------------------------------------------------------------------------------

    @property
    def succeeded(self) -> bool:
        """Whether the run succeeded."""
        return self.error is None

    @property
    def states(self) -> dict[str, TaskState]:
        """The final state of each task, by name. A state equals its text."""
        return {name: task.state for name, task in self.tasks.items()}

    def state(self, task: AnyTask) -> TaskState:
        """Return the final state of a task. Raises TaskNotFoundError."""
        return self._task(task).state

    def attempts(self, task: AnyTask) -> int:
        """Return how often a task's function was called. Raises TaskNotFoundError."""
        return self._task(task).attempts

    def delays(self, task: AnyTask) -> list[float]:
        """Return the seconds waited before each retry of a task. Raises TaskNotFoundError."""
        return list(self._task(task).delays)

    def logs(self, task: AnyTask | None = None, attempt: int | None = None) -> list[LogLine]:
        """Return what the tasks printed and logged, in order, as ``logs`` of a run on workers does.

        ``task``, ``attempt``: only of this task, of this attempt. Raises TaskNotFoundError.
        """
        name = None if task is None else self._task(task).name
        return self.kept.lines(None, name, attempt)

    def items(self, task: AnyTask) -> list[TaskResult]:
        """Return the items of a mapped task, in their order; none if it has not expanded.

        An item is also found by its name, such as ``result.state("parse[3]")``.
        """
        return list(self.mapped.get(self._task(task).name, ()))

    def _task(self, task: AnyTask) -> TaskResult:
        name = task.name if isinstance(task, Task) else task
        item = None if name in self.tasks else split_name(str(name))
        if item is not None and item[1] < len(self.mapped.get(item[0], ())):
            return self.mapped[item[0]][item[1]]
        if name not in self.tasks:
            problem = unknown_name("task", str(name), list(self.tasks))
            raise TaskNotFoundError(f"DAG {self.dag!r}: {problem}")
        return self.tasks[name]

    # -- asserting -----------------------------------------------------------------------------

    def assert_succeeded(self) -> DagResult:
        """Fail the test unless the run succeeded."""
        __tracebackhide__ = True
        if not self.succeeded:
            self._fail("The run should have succeeded.", self.error)
        return self

    def assert_failed(
        self,
        task: AnyTask,
        exception_type: type[BaseException] | tuple[type[BaseException], ...] | None = None,
        match: str | None = None,
    ) -> DagResult:
        """Fail the test unless the task failed for good, with an exception of this type.

        ``match``: a regular expression to search for in its message.
        """
        __tracebackhide__ = True
        result = self._task(task)
        if result.state is not TaskState.FAILED:
            self._fail(f"Task {result.name!r} should have failed, but is {result.state.value}.")
        error = result.errors[-1]
        if exception_type is not None and not isinstance(error, exception_type):
            wanted = _named(exception_type)
            self._fail(f"Task {result.name!r} should have failed with {wanted}.", error)
        if match is not None and re.search(match, plain(error)) is None:
            self._fail(f"The error of task {result.name!r} should match {match!r}.", error)
        return self

    def assert_ran(self, *tasks: AnyTask) -> DagResult:
        """Fail the test unless each of the tasks was called, however it ended."""
        __tracebackhide__ = True
        for result in map(self._task, tasks):
            if not result.attempts:
                self._fail(f"Task {result.name!r} should have run.")
        return self

    def assert_not_run(self, *tasks: AnyTask) -> DagResult:
        """Fail the test if one of the tasks was called."""
        __tracebackhide__ = True
        for result in map(self._task, tasks):
            if result.attempts:
                self._fail(f"Task {result.name!r} should not have run.")
        return self

    def assert_skipped(self, *tasks: AnyTask) -> DagResult:
        """Fail the test unless each of the tasks was skipped."""
        __tracebackhide__ = True
        for result in map(self._task, tasks):
            if result.state is not TaskState.SKIPPED:
                state = result.state.value
                self._fail(f"Task {result.name!r} should have been skipped, but is {state}.")
        return self

    def assert_attempts(self, task: AnyTask, count: int) -> DagResult:
        """Fail the test unless the task's function was called ``count`` times."""
        __tracebackhide__ = True
        result = self._task(task)
        if result.attempts != count:
            wanted = _counted(count, "attempt")
            self._fail(f"Task {result.name!r} should have made {wanted}, not {result.attempts}.")
        return self

    def assert_order(self, *tasks: AnyTask) -> DagResult:
        """Fail the test unless all of the tasks ran and started in this order."""
        __tracebackhide__ = True
        self.assert_ran(*tasks)
        wanted = [self._task(task).name for task in tasks]
        started = [name for name in self.order if name in wanted]
        if started != wanted:
            shown = " -> ".join(started)
            self._fail(f"The tasks should have started as {' -> '.join(wanted)}, not {shown}.")
        return self

    def _fail(self, sentence: str, error: BaseException | None = None) -> NoReturn:
        __tracebackhide__ = True
        raise AssertionError(f"{sentence}\n\n{self}") from error


def described(error: BaseException) -> str:
    """Return the class and the message of an error, on one line."""
    message = " ".join(plain(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _named(kinds: type[BaseException] | tuple[type[BaseException], ...]) -> str:
    return " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count or 'no'} {what}s"
