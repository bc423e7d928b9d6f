"""The events of a run in this process. Every event has the run id, and every event of a task also
the attempt, as on workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..basics.shorten import shorten
from ..core.commands import EndMap, MarkTasks
from ..core.states import TaskState
from ..core.triggers import HOOKS
from ..definition.task_like import TaskLike
from ..events.event import Listener
from ..events.runs import (
    ResultsNotDropped,
    RunFailed,
    RunProgressed,
    RunResumed,
    RunStarted,
    RunSucceeded,
)
from ..events.tasks import (
    TaskAgain,
    TaskCached,
    TaskFailed,
    TaskResultUnstorable,
    TaskRetried,
    TaskReused,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskUncached,
    TaskUnlabelled,
)
from ..events.workers import ChildDied
from ..logging.output import described, plain
from .numbered import Numbered


class RunEvents:
    """Creates the events of one run. Methods take task numbers; durations are in seconds."""

    def __init__(
        self, listener: Listener, run_id: str, dag_name: str, numbered: Numbered[TaskLike]
    ) -> None:
        self.listener = listener
        self.run_id = run_id
        self._dag_name = dag_name
        self._tasks, self._names = numbered.tasks, numbered.names
        self._tenths = 0

    # -- the run -------------------------------------------------------------------------------

    def begun(self) -> None:
        """The run begins."""
        total = len(self._tasks)
        self.listener.hear(
            RunStarted(run_id=self.run_id, dag_name=self._dag_name, total_tasks=total)
        )

    def resumed(self, reused: int, more: int) -> None:
        """The run reuses this many results. ``more``: how many tasks it has more, with items."""
        total = len(self._tasks) + more
        self.listener.hear(
            RunResumed(run_id=self.run_id, dag_name=self._dag_name, reused=reused, total=total)
        )

    def progress(self, done: int, total: int) -> None:
        """Report the number of finished tasks whenever another tenth of them has finished."""
        tenths = 10 * done // total
        if tenths > self._tenths:
            self._tenths = tenths
            self.listener.hear(RunProgressed.of(self._dag_name, done, total, self.run_id))

    def completed(self, duration: float, total: int) -> None:
        """The run has succeeded. ``total``: the number of its tasks, with items."""
        self.listener.hear(
            RunSucceeded(
                run_id=self.run_id,
                dag_name=self._dag_name,
                total_tasks=total,
                duration=duration,
            )
        )

    def run_failed(self, task: int, error: BaseException, failures: int) -> None:
        """The run has failed with this task's error. ``failures``: how many tasks have failed."""
        kind, message = described(error)
        self.listener.hear(
            RunFailed(
                run_id=self.run_id,
                dag_name=self._dag_name,
                task_name=self._names[task],
                error_type=kind,
                error_message=message,
                failed=failures,
            )
        )

    # -- its tasks -----------------------------------------------------------------------------

    def reused(self, states: Mapping[int, TaskState]) -> None:
        """These tasks ended in these states in an earlier run and do not run again."""
        if self.listener.wants(TaskReused):
            for task in states:
                name = self._names[task]
                self.listener.hear(TaskReused(task_name=name, run_id=self.run_id, attempt=0))

    def started(self, task: int, attempt: int) -> None:
        """An attempt begins: this thread or coroutine calls its function next."""
        if self.listener.wants(TaskStarted):
            name = self._names[task]
            self.listener.hear(TaskStarted(task_name=name, run_id=self.run_id, attempt=attempt))

    def succeeded(self, task: int, attempt: int, duration: float, *, cached: bool) -> None:
        """A task has succeeded. ``cached``: with the result of an earlier call."""
        if not self.listener.wants(TaskCached if cached else TaskSucceeded):
            return
        name, run = self._names[task], self.run_id
        if cached:
            self.listener.hear(TaskCached(task_name=name, run_id=run, attempt=attempt))
        else:
            self.listener.hear(
                TaskSucceeded(task_name=name, run_id=run, attempt=attempt, duration=duration)
            )

    def skipped(self, task: int, attempt: int, reason: str) -> None:
        """A task is skipped. ``attempt`` 0: its condition was not evaluated."""
        if self.listener.wants(TaskSkipped):
            name, run = self._names[task], self.run_id
            self.listener.hear(
                TaskSkipped(task_name=name, run_id=run, attempt=attempt, reason=reason)
            )

    def marked(self, command: MarkTasks) -> None:
        """Tasks ended without an attempt. Only skipped tasks are reported."""
        if command.state is TaskState.SKIPPED:
            for task in command.tasks:
                if self._tasks[task].policy.trigger not in HOOKS:
                    self.skipped(task, 0, "by its trigger")

    def expanded(self, task: int, length: int) -> None:
        """A mapped task has so many items from now on."""

    def map_ended(self, end: EndMap, problem: BaseException | None) -> None:
        """A mapped task is over. Only one that could not be mapped is reported: items have been."""
        if problem is not None:
            self.failed(end.task, 0, problem)

    def failed(self, task: int, attempt: int, error: BaseException) -> None:
        """A task has failed for good."""
        self.listener.hear(
            TaskFailed(
                task_name=self._names[task],
                run_id=self.run_id,
                attempt=attempt,
                error_type=type(error).__name__,
                error_message=shorten(plain(error)),
            )
        )

    def retried(self, task: int, failures: int, delay: float, error: BaseException) -> None:
        """A task has failed ``failures`` times and is retried after ``delay`` seconds."""
        kind, message = described(error)
        self.listener.hear(
            TaskRetried(
                task_name=self._names[task],
                run_id=self.run_id,
                attempt=failures,
                max_retries=self._tasks[task].policy.retries,
                delay=delay,
                error_type=kind,
                error_message=message,
            )
        )

    def comes_again(self, task: int, attempt: int, delay: float, times: int) -> None:
        """A task starts again after ``delay`` seconds, for the ``times``-th time."""
        if self.listener.wants(TaskAgain):
            name, run = self._names[task], self.run_id
            self.listener.hear(
                TaskAgain(task_name=name, run_id=run, attempt=attempt, delay=delay, times=times)
            )

    def uncached(self, task: int, reason: str) -> None:
        """The result of a task could not be cached."""
        name = self._names[task]
        self.listener.hear(TaskUncached(task_name=name, run_id=self.run_id, reason=reason))

    def unlabelled(self, task: int, error: BaseException) -> None:
        """The label of an item could not be made. Said once for each mapped task."""
        kind, message = described(error)
        name, run = self._names[task], self.run_id
        self.listener.hear(
            TaskUnlabelled(task_name=name, run_id=run, error_type=kind, error_message=message)
        )

    def unstorable(self, task: int, reason: str) -> None:
        """A task returned a table that a worker could not store."""
        name = self._names[task]
        self.listener.hear(TaskResultUnstorable(task_name=name, run_id=self.run_id, reason=reason))

    def not_dropped(self, tasks: Sequence[int], reason: str) -> None:
        """The results of tasks could not be deleted from the state store."""
        names = ", ".join(self._names[task] for task in tasks)
        self.listener.hear(
            ResultsNotDropped(
                dag_name=self._dag_name, run_id=self.run_id, tasks=names, reason=reason
            )
        )

    def child_died(self, task: int, attempt: int, pid: int, how: str) -> None:
        """A child process died while it executed an attempt. ``how``: what ended it, in words."""
        name, run = self._names[task], self.run_id
        executing = f"task {name!r} of run {run} (attempt {attempt})"
        self.listener.hear(
            ChildDied(
                pid=pid, how=how, executing=executing, task_name=name, run_id=run, attempt=attempt
            )
        )
