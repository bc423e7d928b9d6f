"""The janitor duty: forgets runs whose keys have expired, mends lost hints and drops idle ones.

Redis expires a run's keys by itself; what is left is its name in the list of runs. Hints (ready
lists, ``delayed``) can only be lost by somebody deleting them; records say what should be there.
Hints of a run that is over do no harm, but one in a queue that nobody serves would stay for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from ..logging import FlowkitLogger, LogLevel
from ..protocol.scheduler_store import SchedulerStore

TIDY_AT_ONCE = 200
DEAD_AT_ONCE = 200


class Janitor:
    """Sweeps."""

    name = "janitor"

    def __init__(
        self,
        store: SchedulerStore,
        logger: FlowkitLogger,
        every: float,
        sweep_hints: Callable[[], int],
    ) -> None:
        """``every``: seconds between sweeps."""
        self._store = store
        self._log = logger
        self._every = every
        self._sweep_hints = sweep_hints
        self._cursor = "0"
        self._rank = 0
        self._dead_rank = 0

    def due_early(self) -> bool:
        """Nothing makes it look before its time."""
        return False

    def run_once(self) -> float:
        """Look at some of the listed runs and at all hints; return seconds until the next time."""
        mended = self._sweep_hints()
        if mended:
            message = f"{mended} queue entries were missing and were written anew from the records"
            self._log.event(LogLevel.WARNING, "hints_mended", message, entries=mended)
        _, self._rank = self._store.drop_stale_entries(self._rank, TIDY_AT_ONCE)
        self._cursor, runs = self._store.scan_runs(self._cursor)
        if runs:
            self._store.forget(runs)
        _, self._dead_rank = self._store.prune_dead_letters(self._dead_rank, DEAD_AT_ONCE)
        return self._every
