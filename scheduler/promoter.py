"""The promoter duty: queues retries and postponed attempts when they are due.

It runs when the next one is due, and whenever a worker has announced a new one. If the process dies
here, the entries stay in ``delayed`` and the next leader continues.
"""

from __future__ import annotations

from collections.abc import Callable

from flowkit.protocol.scheduler_store import SchedulerStore

from .loop import Duty
from .serving import Serving

LIMIT = 200
LONGEST_PAUSE_S = 5.0


class Promoter(Duty):
    """Queues attempts that are due."""

    name = "promoter"

    def __init__(
        self,
        store: SchedulerStore,
        announced: Callable[[], int],
        serving: Serving | None = None,
    ) -> None:
        """``announced``: returns how many retries the events have announced so far."""
        self._serving = serving or Serving(store)
        self._store = store
        self._announced = announced
        self._seen = -1

    def due_early(self) -> bool:
        """Return whether a retry was announced since the last time."""
        return self._announced() != self._seen

    def run_once(self) -> float:
        """Queue the attempts that are due; return the seconds until the next time."""
        self._seen = self._announced()
        promoted, next_ms = self._store.promote(LIMIT, self._serving.lists_without_turns())
        if promoted >= LIMIT:
            return 0.0
        return LONGEST_PAUSE_S if next_ms < 0 else min(next_ms / 1000, LONGEST_PAUSE_S)
