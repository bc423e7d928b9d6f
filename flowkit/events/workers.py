"""Events of workers and of the processes that run tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event, count_text


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(Event):
    """A worker has started. Worker."""

    event_name: ClassVar[str] = "worker_started"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"restarted"})

    worker: str
    app: str
    restarted: bool | None = None
    """True if it replaces a worker of the same process that was declared dead."""

    def message(self) -> str:
        """Return the text of the line."""
        return f"Worker {self.worker} started{' in its place' if self.restarted else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopping(Event):
    """A worker is stopping and claims no more tasks. Worker."""

    event_name: ClassVar[str] = "worker_stopping"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM

    worker: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Worker {self.worker} is stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopped(Event):
    """A worker has stopped. Worker."""

    event_name: ClassVar[str] = "worker_stopped"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM

    worker: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Worker {self.worker} stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExpired(Event):
    """The lease of a worker has expired. Scheduler.

    ``attempts``: how many attempts were taken back from it.
    """

    event_name: ClassVar[str] = "worker_lost"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"attempts"})

    worker: str
    attempts: int

    def message(self) -> str:
        """Return the text of the line."""
        count = count_text(self.attempts, "attempt")
        return f"Worker {self.worker} is lost: its lease expired; {count} taken back"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLeaseLost(Event):
    """This worker was declared dead and starts again. Worker."""

    event_name: ClassVar[str] = "lease_lost"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    worker: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AppBroken(Event):
    """The app cannot be loaded. Worker."""

    event_name: ClassVar[str] = "app_broken"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    worker: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AllProcessesWait(Event):
    """All processes of a worker execute tasks that wait for other runs. Worker.

    ``processes``: how many it has. ``executing``: the tasks, in words.
    """

    event_name: ClassVar[str] = "all_waiting"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"worker", "processes", "executing"})

    worker: str
    processes: int
    executing: str

    def message(self) -> str:
        """Return the text of the line."""
        count = "The process" if self.processes == 1 else f"All {self.processes} processes"
        return (
            f"{count} of worker {self.worker} wait for other runs: {self.executing}."
            " Runs that need this worker cannot start. Start more workers, or submit such runs "
            "without waiting for them in a task"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardProcessDied(Event):
    """The process of one of several shards died and is restarted. Scheduler, worker."""

    event_name: ClassVar[str] = "shard_process_died"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"{self.reason} and is started again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildDied(Event):
    """A process that runs tasks died. Worker, process executor.

    ``task_name``, ``run_id`` and ``attempt`` are known if it was executing one task. ``executing``:
    what it was executing, in words.
    """

    event_name: ClassVar[str] = "child_died"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"how", "executing", "task_name"})

    pid: int
    how: str
    executing: str
    task_name: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    worker: str | None = None

    def message(self) -> str:
        """Return the text of the line."""
        return f"Process {self.pid} died ({self.how}) while it executed {self.executing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLogsGivenUp(Event):
    """What a process of a worker prints is no longer kept for `flowkit logs`. Worker."""

    event_name: ClassVar[str] = "task_logs_given_up"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    worker: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        where = f" in process {self.worker}" if self.worker else ""
        return f"What tasks{where} print is no longer kept: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchFailed(Event):
    """What several tasks need could not be read in one step, so each reads it by itself: an
    error in flowkit. Once per type of error and process. Worker.
    """

    event_name: ClassVar[str] = "prefetch_failed"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"error_type", "error_message"})

    error_type: str
    error_message: str
    traceback: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            "Values of several tasks could not be read in one step, so tasks start more slowly: "
            f"{self.error_type}: {self.error_message}"
        )
