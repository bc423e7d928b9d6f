"""Events of attempts that end in another way than their task asks for: on workers, in hooks and on
event loops. The fields are those of tasks.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event
from .tasks import OfTask

_NAME = frozenset({"task_name"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandedOn(OfTask):
    """The app does not have the task; a worker that has it claims it. Worker."""

    event_name: ClassVar[str] = "task_handed_on"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"task_name", "reason"})

    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Task handed on: {self.task_name}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTimedOut(OfTask):
    """A process was killed because its task timed out. Worker."""

    event_name: ClassVar[str] = "task_timeout"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = _NAME

    def message(self) -> str:
        """Return the text of the line."""
        return f"{_attempt(self)} took longer than its timeout: its process was killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled(OfTask):
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
class HookFailed(OfTask):
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


def _attempt(event: OfTask) -> str:
    task = f"Task {event.task_name!r}" if event.task_name else "A task"  # its name may be unknown
    return f"{task} of run {event.run_id} (attempt {event.attempt})"
