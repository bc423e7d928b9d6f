"""The janitor duty: deletes expired runs from the lists, repairs queues and drops stale entries.

Redis expires the keys of a run by itself; the run's name in the list of runs remains. Queue
entries (ready lists, ``delayed``) are only lost if someone deletes them; the records say what they
should be. Entries of a run that is over do no harm, but without workers they would stay forever.
So would a child run without a TTL, if its parent was evicted.
"""

from __future__ import annotations

from collections.abc import Callable

from flowkit.events.event import Listener
from flowkit.events.schedulers import QueuesRepaired
from flowkit.protocol.scheduler_store import SchedulerStore

from .loop import Duty

ENTRIES_AT_ONCE = 200
DEAD_AT_ONCE = 200


class Janitor(Duty):
    """Deletes what is expired and repairs queues."""

    name = "janitor"

    def __init__(
        self,
        store: SchedulerStore,
        listener: Listener,
        every: float,
        repair_queues: Callable[[], int],
    ) -> None:
        """``every``: seconds between sweeps. ``repair_queues``: returns how many it restored."""
        self._store = store
        self._listener = listener
        self._every = every
        self._repair_queues = repair_queues
        self._cursor = "0"
        self._rank = 0
        self._dead_rank = 0

    def run_once(self) -> float:
        """Check some of the listed runs and all queues; return the seconds until the next time."""
        restored = self._repair_queues()
        if restored:
            self._listener.hear(QueuesRepaired(entries=restored))
        _, self._rank = self._store.drop_stale_entries(self._rank, ENTRIES_AT_ONCE)
        self._cursor, runs = self._store.scan_runs(self._cursor)
        if runs:
            self._store.forget(runs)
            self._store.expire_orphans(runs)
        _, self._dead_rank = self._store.prune_dead_letters(self._dead_rank, DEAD_AT_ONCE)
        return self._every
