"""The tasks of a run in this process that come again: what they keep for their next attempt.

The runner writes before the next attempt begins, and only the attempts of that task read, so no
lock is needed. A memory is the object itself.
"""

from __future__ import annotations

from ..basics.again import Again
from ..context import Comeback


class Comebacks:
    """What tasks keep, by task number."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Comeback, int]] = {}

    def of(self, task: int) -> Comeback | None:
        """Return what the task has kept, None if it has not come again."""
        return self._kept[task][0] if task in self._kept else None

    def times(self, task: int) -> int:
        """Return how often the task has come again."""
        return self._kept[task][0].times if task in self._kept else 0

    def failures(self, task: int, attempt: int) -> int:
        """Return how many attempts have failed since the task came again, if this one fails."""
        return attempt - self._kept[task][1] if task in self._kept else attempt

    def keep(self, task: int, attempt: int, again: Again) -> int:
        """Note that the attempt asked to come again; return how often the task has, with this."""
        times = self.times(task) + 1
        self._kept[task] = Comeback(times, again.memory), attempt
        return times
