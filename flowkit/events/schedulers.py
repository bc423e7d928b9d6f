"""Events of schedulers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..basics.log_level import LogLevel
from .event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStarted(Event):
    """A scheduler has started. Scheduler.

    ``redis``: the URL of its Redis, without passwords.
    """

    event_name: ClassVar[str] = "scheduler_started"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"redis"})

    scheduler: str
    redis: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Scheduler {self.scheduler} started on {self.redis}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStopped(Event):
    """A scheduler has stopped. Scheduler."""

    event_name: ClassVar[str] = "scheduler_stopped"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM

    scheduler: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Scheduler {self.scheduler} stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerStandsBy(Event):
    """Another scheduler leads. Scheduler.

    ``leader``: the one that leads.
    """

    event_name: ClassVar[str] = "standby"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"leader"})

    scheduler: str
    leader: str

    def message(self) -> str:
        """Return the text of the line."""
        return f"Scheduler {self.scheduler} stands by; {self.leader} leads"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderElected(Event):
    """This scheduler is now the leader. Scheduler.

    ``term``: the number of its lease. ``active``: how many runs are not over.
    """

    event_name: ClassVar[str] = "leader_elected"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"term", "active"})

    scheduler: str
    term: int
    active: int

    def message(self) -> str:
        """Return the text of the line."""
        runs = "1 run is active" if self.active == 1 else f"{self.active} runs are active"
        return f"Scheduler {self.scheduler} leads in term {self.term}; {runs}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderLost(Event):
    """This scheduler is no longer the leader. Scheduler."""

    event_name: ClassVar[str] = "leader_lost"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    scheduler: str
    reason: str

    def message(self) -> str:
        """Return the text of the line."""
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderPassedOn(Event):
    """This scheduler has handed its lease over to one that leads fewer shards. Scheduler.

    ``leader``: the one that leads now.
    """

    event_name: ClassVar[str] = "leader_passed_on"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"leader"})

    scheduler: str
    leader: str

    def message(self) -> str:
        """Return the text of the line."""
        return (
            f"Scheduler {self.scheduler} has handed its lease over to {self.leader}, which leads "
            "fewer"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuarantined(Event):
    """An event could not be read and was quarantined. Scheduler.

    ``events``: how many there were since the last such line. The other fields describe the first.
    """

    event_name: ClassVar[str] = "event_broken"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    event_id: str
    text: str
    reason: str
    events: int

    def message(self) -> str:
        """Return the text of the line."""
        if self.events == 1:
            return f"Event {self.event_id} cannot be read and was quarantined: {self.reason}"
        return (
            f"{self.events} events cannot be read and were quarantined; the first is "
            f"{self.event_id}: {self.reason}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerBroken(Event):
    """Redis contains data that a scheduler cannot work with. It starts again.

    ``reason``: what the scheduler cannot do, and why. ``traceback``: only of an unexpected error.
    """

    event_name: ClassVar[str] = "scheduler_broken"
    level: ClassVar[LogLevel] = LogLevel.ERROR
    told: ClassVar[frozenset[str]] = frozenset({"reason"})

    scheduler: str
    reason: str
    error_type: str
    traceback: str | None = None

    def message(self) -> str:
        """Return the text of the line."""
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLinesLeftOut(Event):
    """In a busy second, this number of lines about runs was left out. Scheduler."""

    event_name: ClassVar[str] = "runs_left_out"
    level: ClassVar[LogLevel] = LogLevel.SYSTEM
    told: ClassVar[frozenset[str]] = frozenset({"lines"})

    lines: int

    def message(self) -> str:
        """Return the text of the line."""
        were = (
            "1 more line about runs was"
            if self.lines == 1
            else (f"{self.lines} more lines about runs were")
        )
        return f"{were} left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuesRepaired(Event):
    """Queue entries were missing and were written again. Scheduler."""

    event_name: ClassVar[str] = "hints_mended"
    level: ClassVar[LogLevel] = LogLevel.WARNING
    told: ClassVar[frozenset[str]] = frozenset({"entries"})

    entries: int

    def message(self) -> str:
        """Return the text of the line."""
        were = "1 queue entry was" if self.entries == 1 else f"{self.entries} queue entries were"
        return f"{were} missing and restored from the records"
