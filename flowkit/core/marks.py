"""What follows from the end of tasks, as far as no worker reports it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .commands import EndMap
from .task_codes import BLOCKED, CANCELLED, SKIPPED


@dataclass(slots=True)
class Marks:
    """The tasks and items that ended as a consequence. Their states are set.

    ``cancelled``, ``stopped``: items of mapped tasks that a failure has stopped: those that have
    not started, and those that were dispatched and are asked to stop. ``ended``: mapped tasks that
    are over. ``opened``: how many items have begun to exist.
    """

    blocked: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    ended: list[EndMap] = field(default_factory=list)
    opened: int = 0

    def add(self, code: int, number: int) -> None:
        """Add a task or an item that ended with this code."""
        lists = {BLOCKED: self.blocked, SKIPPED: self.skipped, CANCELLED: self.cancelled}
        lists[code].append(number)
