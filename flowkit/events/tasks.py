"""Events of tasks: how their attempts begin and end. attempts.py has those of attempts on workers.

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
class OfTask(Event):
    """The fields of each of these events."""

    task_name: str
    run_id: str | None = None
    attempt: int | None = None
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(OfTask):
    """An attempt begins."""

    event_name: ClassVar[str] = "task_start"
    level: ClassVar[LogLevel] = LogLevel.INFO
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task started: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSucceeded(OfTask):
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
class TaskCached(OfTask):
    """A task got the result of an earlier call."""

    event_name: ClassVar[str] = "task_cached"
    level: ClassVar[LogLevel] = LogLevel.SUCCESS
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task cached: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUncached(OfTask):
    """A result could not be cached."""

    event_name: ClassVar[str] = "task_uncached"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task not cached: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUnlabelled(OfTask):
    """The label of an item could not be made, so it has none; it runs nevertheless.

    There is one such event for each mapped task of a run. On workers, each process of a worker
    that runs items of the task has its own.
    """

    event_name: ClassVar[str] = "task_unlabelled"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "error_type", "error_message"})

    error_type: str
    error_message: str

    def message(self) -> str:
        """Return the text of the line."""
        why = ": ".join(filter(None, (self.error_type, self.error_message)))
        return f"Task without a label: {self.task_name} ({why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResultUnstorable(OfTask):
    """A table that a task returned works here, but a worker could not store it. One process."""

    event_name: ClassVar[str] = "task_result_unstorable"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task result would fail on workers: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReused(OfTask):
    """A task does not run again: the result of an earlier run is reused. One process."""

    event_name: ClassVar[str] = "task_reused"
    level: ClassVar[LogLevel] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task reused: {self.task_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSkipped(OfTask):
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
class TaskRetried(OfTask):
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
class TaskAgain(OfTask):
    """A task asked to start again later, with `flowkit.again`.

    ``times``: how often it has come again, with this time.
    """

    event_name: ClassVar[str] = "task_again"
    level: ClassVar[LogLevel] = LogLevel.INFO
    level_on_workers: ClassVar[LogLevel | None] = LogLevel.DEBUG
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "delay", "times"})

    delay: float
    times: int

    def message(self) -> str:
        """Return the text of the line."""
        time = f"{self.times:,}{_ordinal_ending(self.times)} time"
        return f"Task comes again: {self.task_name} in {seconds_text(self.delay)} ({time})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed(OfTask):
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


def _ordinal_ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
