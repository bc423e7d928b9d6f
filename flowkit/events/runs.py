"""Events of runs. Their names begin with ``dag_`` where a run in one process has them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event, count_text, seconds_text


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunOfDAG(Event):
    run_id: str | None = None
    dag_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_RunOfDAG):
    """A run begins. One process, scheduler."""

    event_name: ClassVar[str] = "dag_start"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "total_tasks"})

    total_tasks: int

    def message(self) -> str:
        """Return the text of the line."""
        return f"DAG started: {self.dag_name} ({count_text(self.total_tasks, 'task')})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(_RunOfDAG):
    """A resumed run reuses results of an earlier run. One process."""

    event_name: ClassVar[str] = "dag_resume"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "reused", "total"})

    reused: int
    total: int

    def message(self) -> str:
        """Return the text of the line."""
        return f"DAG resumed: {self.dag_name} ({self.reused} of {self.total} tasks reused)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgressed(_RunOfDAG):
    """Another tenth of the tasks has ended. One process."""

    event_name: ClassVar[str] = "dag_progress"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "completed", "total", "percentage"})

    completed: int
    total: int
    percentage: float

    @classmethod
    def of(
        cls, dag_name: str, completed: int, total: int, run_id: str | None = None
    ) -> RunProgressed:
        """Create it with its percentage. Without tasks, that is 100."""
        percentage = round(100 * completed / total, 1) if total else 100.0
        return cls(
            run_id=run_id,
            dag_name=dag_name,
            completed=completed,
            total=total,
            percentage=percentage,
        )

    def message(self) -> str:
        """Return the text of the line."""
        counts = f"{self.completed}/{self.total}, {self.percentage:.1f}%"
        return f"DAG progress: {self.dag_name} ({counts})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSucceeded(_RunOfDAG):
    """A run has succeeded. One process, scheduler (without `duration`)."""

    event_name: ClassVar[str] = "dag_complete"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "total_tasks", "duration"})

    total_tasks: int
    duration: float | None = None

    def message(self) -> str:
        """Return the text of the line."""
        took = "" if self.duration is None else f", {seconds_text(self.duration)}"
        return f"DAG completed: {self.dag_name} ({count_text(self.total_tasks, 'task')}{took})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(_RunOfDAG):
    """A run has failed. One process, scheduler (without the error).

    ``task_name``: the task that made it fail. ``failed``: how many tasks have failed.
    """

    event_name: ClassVar[str] = "dag_failure"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"dag_name", "task_name"})

    task_name: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    failed: int | None = None

    def message(self) -> str:
        """Return the text of the line."""
        task = "" if self.task_name is None else f" (task {self.task_name})"
        return f"DAG failed: {self.dag_name}{task}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWasCancelled(_RunOfDAG):
    """A run was cancelled. Scheduler.

    ``task_name``: the first task that had failed before, if any had.
    """

    event_name: ClassVar[str] = "dag_cancel"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"dag_name"})

    task_name: str | None = None

    def message(self) -> str:
        """Return the text of the line."""
        return f"DAG cancelled: {self.dag_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDataLost(_RunOfDAG):
    """An active run is not in Redis any more. Scheduler."""

    event_name: ClassVar[str] = "run_lost"
    level: ClassVar[LogLevel] = LogLevel.ERROR

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Run {self.run_id} of DAG {self.dag_name} is lost: its data is gone from Redis, "
            "unless it ended meanwhile and its TTL is over. Submit it again, and check the "
            "persistence of that Redis"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLacksFunction(_RunOfDAG):
    """A run has tasks whose function no live worker of their queue has. Scheduler.

    ``task_name``: one of these tasks. ``apps``: those of the workers of the queue.
    """

    event_name: ClassVar[str] = "run_lacks_function"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset(
        {"dag_name", "task_name", "queue", "function", "apps"}
    )

    task_name: str
    queue: str
    function: str
    apps: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Task {self.task_name} of DAG {self.dag_name} waits: no live worker of queue "
            f"{self.queue!r} has its function {self.function!r}; their apps are {self.apps}. Start "
            "a worker whose --app imports the module that defines it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBroken(Event):
    """A run cannot continue and has failed. Scheduler."""

    event_name: ClassVar[str] = "run_broken"
    level: ClassVar[LogLevel] = LogLevel.ERROR

    run_id: str
    error_type: str
    error_message: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Run {self.run_id} cannot continue and was ended as failed: {self.error_message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWaits(_RunOfDAG):
    """A run of a large DAG waits for others to end: they use all the memory for runs. Scheduler."""

    event_name: ClassVar[str] = "run_waits"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"total_tasks"})

    total_tasks: int

    def message(self) -> str:
        """Return the text of the line."""
        tasks = count_text(self.total_tasks, "task")
        return (
            f"Run {self.run_id} of DAG {self.dag_name} ({tasks}) waits: other large runs fill "
            "the memory for runs. It starts when one of them is over or cancelled"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLacksMemory(Event):
    """The scheduler had not enough memory to read a run, and tries again later. Scheduler."""

    event_name: ClassVar[str] = "run_lacks_memory"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"delay"})

    run_id: str
    delay: float

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Run {self.run_id} waits: there is not enough memory to read it. The scheduler tries "
            f"again in {self.delay:g} s. Give it more memory, or submit smaller DAGs"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsNotDropped(_RunOfDAG):
    """Results with `keep_result=False` could not be deleted from a state store. One process."""

    event_name: ClassVar[str] = "results_not_dropped"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"tasks"})

    tasks: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"The results of {self.tasks} could not be deleted from the state store"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMixed(_RunOfDAG):
    """Attempts of one run ran different versions of the app. Once per run. Scheduler.

    ``versions``: the first two of them.
    """

    event_name: ClassVar[str] = "run_mixed_versions"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"versions"})

    versions: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Run {self.run_id} of DAG {self.dag_name} mixes versions of the code: its attempts "
            f"ran {self.versions}. To keep each run to one version, use DAG(pin_version=True)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStalled(Event):
    """`dag.run(executor="redis")` waits for a run that makes no progress, and why. Once for each
    run, in the program that waits.

    ``reason``: why, and what to do about it.
    """

    event_name: ClassVar[str] = "run_stalled"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"run_id", "reason"})

    run_id: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Run {self.run_id} waits. {self.reason}"
