"""The loop of the scheduler: runs each duty when it is due.

The daemon handles errors: a lost lease ends the leadership, and an outage is waited out. The loop
handles one error itself: a key of another type pauses one duty, until the key is removed, and not
the others.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from flowkit.protocol.reply_errors import WrongType

PAUSE_S = 10.0  # of a duty that met a key of another type


class Duty(ABC):
    """A recurring job. ``name``: in logs."""

    name: str

    def due_early(self) -> bool:
        """Return whether to run before its time. Most duties never do."""
        return False

    @abstractmethod
    def run_once(self) -> float:
        """Run once; return the seconds until the next time."""


class DutyLoop:
    """Runs several duties when they are due."""

    def __init__(
        self,
        duties: Sequence[Duty],
        *,
        on_wrong_type: Callable[[str, WrongType], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_wrong_type`` is called with the name of a duty that has to pause. Without it, such
        an error is raised like any other.
        """
        self._duties = duties
        self._on_wrong_type = on_wrong_type
        self._paused = [False] * len(duties)
        self._monotonic = monotonic
        self._due = [0.0] * len(duties)

    def run_due(self, longest: float) -> float:
        """Run the duties that are due; return the seconds until the next, at most ``longest``."""
        for at, duty in enumerate(self._duties):
            early = not self._paused[at] and duty.due_early()
            if early or self._monotonic() >= self._due[at]:
                self._due[at] = self._monotonic() + self._run(at, duty)
        soonest = min(self._due, default=longest) - self._monotonic()
        return min(longest, max(0.0, soonest))

    def _run(self, at: int, duty: Duty) -> float:
        try:
            pause, self._paused[at] = duty.run_once(), False
        except WrongType as error:
            if self._on_wrong_type is None:
                raise
            self._on_wrong_type(duty.name, error)
            pause, self._paused[at] = PAUSE_S, True
        return pause
