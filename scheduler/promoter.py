"""The promoter duty: makes claimable what is due: retries and put-off attempts.

It looks when the next one is due, and whenever a worker has announced a new one. If the process
dies here, the entries stand in ``delayed`` and the next leader goes on.
"""

from __future__ import annotations

from collections.abc import Callable

from ..protocol.scheduler_store import SchedulerStore

LIMIT = 200
LOOK_ANYWAY_S = 5.0


class Promoter:
    """Queues what is due."""

    name = "promoter"

    def __init__(self, store: SchedulerStore, announced: Callable[[], int]) -> None:
        """``announced``: how many retries the events have told of so far."""
        self._store = store
        self._announced = announced
        self._seen = -1

    def due_early(self) -> bool:
        """Return whether there is a reason to look before the time is over."""
        return self._announced() != self._seen

    def run_once(self) -> float:
        """Queue what is due; return the seconds until the next time."""
        self._seen = self._announced()
        promoted, next_ms = self._store.promote(LIMIT)
        if promoted >= LIMIT:
            return 0.0
        return LOOK_ANYWAY_S if next_ms < 0 else min(next_ms / 1000, LOOK_ANYWAY_S)
