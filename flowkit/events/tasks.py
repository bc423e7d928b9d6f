"""Events of tasks and their attempts.

``attempt`` counts from 1, and is 0 for a task that was never attempted. ``worker``: the lane of a
worker that made the attempt, None in a run in one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event, seconds_text

_NAME = frozenset({"task_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfTask(Event):
    task_name: str
    run_id: str | None = None
    attempt: int | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(_OfTask):
    """An attempt begins."""

    event_name: ClassVar[str] = "task_start"
    level: ClassVar[LogLevel] = LogLevel.INFO
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task started: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSucceeded(_OfTask):
    """A task has succeeded."""

    event_name: ClassVar[str] = "task_success"
    level: ClassVar[LogLevel] = LogLevel.SUCCESS
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "duration"})

    duration: float | None = None

    def message(self) -> str:
        """Return the text of the line."""
        took = "" if self.duration is None else f" ({seconds_text(self.duration)})"
        return f"Task succeeded: {self.task_name}{took}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCached(_OfTask):
    """A task got the result of an earlier call."""

    event_name: ClassVar[str] = "task_cached"
    level: ClassVar[LogLevel] = LogLevel.SUCCESS
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task cached: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUncached(_OfTask):
    """A result could not be cached."""

    event_name: ClassVar[str] = "task_uncached"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task not cached: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResultUnstorable(_OfTask):
    """A table that a task returned works here, but a worker could not store it. One process."""

    event_name: ClassVar[str] = "task_result_unstorable"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task result would fail on workers: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReused(_OfTask):
    """A task does not run again: the result of an earlier run is reused. One process."""

    event_name: ClassVar[str] = "task_reused"
    level: ClassVar[LogLevel] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task reused: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSkipped(_OfTask):
    """A task is skipped."""

    event_name: ClassVar[str] = "task_skip"
    level: ClassVar[LogLevel] = LogLevel.INFO
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task skipped: {self.task_name} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetried(_OfTask):
    """An attempt has failed and will be retried.

    ``attempt``: the number of failed attempts.
    """

    event_name: ClassVar[str] = "task_retry"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset(
        {"task_name", "attempt", "max_retries", "delay", "error_type", "error_message"}
    )

    max_retries: int
    delay: float
    error_type: str | None = None
    error_message: str | None = None

    def message(self) -> str:
        """Return the text of the line."""
        retry = f"retry {self.attempt}/{self.max_retries} in {seconds_text(self.delay)}"
        text = f"Task retry: {self.task_name} ({retry})"
        return ": ".join(filter(None, (text, self.error_type, self.error_message)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(_OfTask):
    """A task has failed for good."""

    event_name: ClassVar[str] = "task_failure"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "error_type", "error_message"})

    error_type: str | None
    error_message: str

    def message(self) -> str:
        """Return the text of the line."""
        why = ": ".join(filter(None, (self.error_type, self.error_message)))
        return f"Task failed: {self.task_name} ({why})"

    def fields(self) -> dict[str, object]:
        """Return the fields that are known, and ``error_type`` in any case."""
        return {"error_type": None, **Event.fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandedOn(_OfTask):
    """The app does not have the task; a worker that has it claims it. Worker."""

    event_name: ClassVar[str] = "task_handed_on"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task handed on: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTimedOut(_OfTask):
    """A process was killed because its task timed out. Worker."""

    event_name: ClassVar[str] = "task_timeout"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"{_attempt(self)} took longer than its timeout: its process was killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled(_OfTask):
    """A process was killed because its run was cancelled. Worker."""

    event_name: ClassVar[str] = "task_cancelled"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"{_attempt(self)} was cancelled: its process was killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeStale(Event):
    """An outcome arrived after the attempt had been given to another worker. Worker.

    ``task``: the number of the task, since its name is not known there.
    """

    event_name: ClassVar[str] = "outcome_stale"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task"})

    run_id: str
    task: str
    worker: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Outcome of task {self.task} of run {self.run_id} came too late and was dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(_OfTask):
    """A hook raised an exception; the run continues. One process, worker."""

    event_name: ClassVar[str] = "hook_failed"
    level: ClassVar[LogLevel] = LogLevel.WARNING

    error_type: str
    error_message: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"The on_retry hook raised for task {self.task_name}: {self.error_message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopEnded(Event):
    """A task ended the event loop (`sys.exit`, `loop.stop()`). The loop is restarted, and only that
    task fails.

    The task may be unknown. ``how``: what ended the loop.
    """

    event_name: ClassVar[str] = "loop_ended"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"how"})

    how: str
    run_id: str | None = None
    task_name: str | None = None
    attempt: int | None = None

    def message(self) -> str:
        """Return the text of the line."""
        return f"A task ended the event loop ({self.how}). The loop runs again"


def _attempt(event: _OfTask) -> str:
    task = f"Task {event.task_name!r}" if event.task_name else "A task"  # its name may be unknown
    return f"{task} of run {event.run_id} (attempt {event.attempt})"
