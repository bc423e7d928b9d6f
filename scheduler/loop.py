"""The one loop: runs each duty when it is due and says how long there is nothing to do.

A duty is an object with a ``name``, ``run_once() -> seconds until the next time`` and
``due_early() -> bool``. Errors are the daemon's to judge: a lost lease ends the leadership, an
outage is waited out; neither is a duty's business. Only a key of another type, which stops one
duty until somebody removes it, does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ..protocol.reply_errors import WrongType

REST_S = 10.0  # for a duty that met a key of another type


class Duty(Protocol):
    """Something to be done again and again."""

    @property
    def name(self) -> str:
        """What logs call it."""

    def due_early(self) -> bool:
        """Return whether it should run before its time."""

    def run_once(self) -> float:
        """Do it once; return the seconds until the next time."""


class Loop:
    """Due times of several duties."""

    def __init__(
        self,
        duties: Sequence[Duty],
        *,
        on_wrong_type: Callable[[str, WrongType], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_wrong_type`` is told the name of a duty that has to rest; without it, such an error
        is raised like any other.
        """
        self._duties = duties
        self._on_wrong_type = on_wrong_type
        self._resting = [False] * len(duties)
        self._monotonic = monotonic
        self._due = [0.0] * len(duties)

    def run_due(self, longest: float) -> float:
        """Run what is due; return the seconds until the next duty, at most ``longest``."""
        for at, duty in enumerate(self._duties):
            early = not self._resting[at] and duty.due_early()
            if early or self._monotonic() >= self._due[at]:
                self._due[at] = self._monotonic() + self._run(at, duty)
        soonest = min(self._due, default=longest) - self._monotonic()
        return min(longest, max(0.0, soonest))

    def _run(self, at: int, duty: Duty) -> float:
        try:
            pause, self._resting[at] = duty.run_once(), False
        except WrongType as error:
            if self._on_wrong_type is None:
                raise
            self._on_wrong_type(duty.name, error)
            pause, self._resting[at] = REST_S, True
        return pause
