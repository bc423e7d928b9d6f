"""The one loop: runs each duty when it is due and says how long there is nothing to do.

A duty is an object with a ``name``, ``run_once() -> seconds until the next time`` and
``due_early() -> bool``. Errors are the daemon's to judge: a lost lease ends the leadership, an
outage is waited out; neither is a duty's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol


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
        self, duties: Sequence[Duty], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._duties = duties
        self._monotonic = monotonic
        self._due = [0.0] * len(duties)

    def run_due(self, longest: float) -> float:
        """Run what is due; return the seconds until the next duty, at most ``longest``."""
        for at, duty in enumerate(self._duties):
            if self._monotonic() >= self._due[at] or duty.due_early():
                self._due[at] = self._monotonic() + duty.run_once()
        soonest = min(self._due, default=longest) - self._monotonic()
        return min(longest, max(0.0, soonest))
