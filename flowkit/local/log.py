"""The log of a run in this process. Every line has the run id, and every line about a task also
the attempt, as on workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.commands import MarkTasks
from ..core.states import TaskState
from ..core.triggers import HOOKS
from ..definition.task import Task
from ..logging.logger import FlowkitLogger, LogLevel
from ..logging.output import described


class LocalLog:
    """The log of one run. Methods take task numbers; durations are in seconds."""

    def __init__(
        self, logger: FlowkitLogger, run_id: str, dag_name: str, tasks: Sequence[Task]
    ) -> None:
        self.logger = logger
        self._run_id = run_id
        self._dag_name = dag_name
        self._tasks = tasks
        self._tenths = 0

    # -- the run -------------------------------------------------------------------------------

    def begun(self) -> None:
        """The run begins."""
        self.logger.log_dag_start(self._dag_name, len(self._tasks), run_id=self._run_id)

    def progress(self, done: int) -> None:
        """Log the number of finished tasks whenever another tenth of them has finished."""
        tenths = 10 * done // len(self._tasks)
        if tenths > self._tenths:
            self._tenths = tenths
            total = len(self._tasks)
            self.logger.log_dag_progress(self._dag_name, done, total, run_id=self._run_id)

    def completed(self, duration: float) -> None:
        """The run has succeeded."""
        total = len(self._tasks)
        self.logger.log_dag_complete(self._dag_name, total, duration, run_id=self._run_id)

    def run_failed(self, task: int, error: BaseException, failures: int) -> None:
        """The run has failed with this task's error. ``failures``: how many tasks have failed."""
        name = self._tasks[task].name
        self.logger.event(
            LogLevel.ERROR,
            "dag_failure",
            f"DAG failed: {self._dag_name} (task {name})",
            run_id=self._run_id,
            dag_name=self._dag_name,
            task_name=name,
            **_described(error),
            failed=failures,
        )

    # -- its tasks -----------------------------------------------------------------------------

    def reused(self, states: Mapping[int, TaskState]) -> None:
        """These tasks ended in these states in an earlier run and do not run again."""
        if not self.logger.enabled(LogLevel.DEBUG):
            return
        for task in states:
            name, fields = self._tasks[task].name, {"run_id": self._run_id, "attempt": 0}
            text = f"Task reused: {name}"
            self.logger.event(LogLevel.DEBUG, "task_reused", text, task_name=name, **fields)

    def started(self, task: int, attempt: int) -> None:
        """An attempt begins: this thread or coroutine calls its function next."""
        name = self._tasks[task].name
        self.logger.log_task_start(name, run_id=self._run_id, attempt=attempt)

    def succeeded(self, task: int, attempt: int, duration: float, *, cached: bool) -> None:
        """A task has succeeded. ``cached``: with the result of an earlier call."""
        name, fields = self._tasks[task].name, {"run_id": self._run_id, "attempt": attempt}
        if not cached:
            self.logger.log_task_success(name, duration, **fields)
        elif self.logger.enabled(LogLevel.SUCCESS):
            text = f"Task cached: {name}"
            self.logger.event(LogLevel.SUCCESS, "task_cached", text, task_name=name, **fields)

    def skipped(self, task: int, attempt: int, reason: str) -> None:
        """A task is skipped. ``attempt`` 0: its condition was not evaluated."""
        name = self._tasks[task].name
        self.logger.log_task_skip(name, reason, run_id=self._run_id, attempt=attempt)

    def marked(self, command: MarkTasks) -> None:
        """Tasks ended without an attempt. Only skipped tasks are logged."""
        if command.state is TaskState.SKIPPED:
            for task in command.tasks:
                if self._tasks[task].policy.trigger not in HOOKS:
                    self.skipped(task, 0, "by its trigger")

    def failed(self, task: int, attempt: int, error: BaseException) -> None:
        """A task has failed for good."""
        name = self._tasks[task].name
        self.logger.log_task_failure(name, error, run_id=self._run_id, attempt=attempt)

    def retried(self, task: int, failures: int, delay: float, error: BaseException) -> None:
        """A task has failed ``failures`` times and is retried after ``delay`` seconds."""
        retried = self._tasks[task]
        self.logger.log_task_retry(
            retried.name,
            failures,
            retried.retries,
            delay,
            run_id=self._run_id,
            **_described(error),
        )


def _described(error: BaseException) -> dict[str, str]:
    kind, message = described(error)
    return {"error_type": kind, "error_message": message}
