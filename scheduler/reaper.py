"""The reaper duty: takes back what workers held whose lease ran out.

Their parent is gone or cut off, so nobody can say what was executing: see ``reap.lua`` for whom it
suspects. A worker whose child died reports that itself and is not this duty's business. If the
process dies here, the worker's claims still stand and are taken back by the next leader.

It begins its work ``GRACE_S`` after its scheduler has begun to lead. After an outage of Redis all
leases may have run out, of workers that are alive and about to renew them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..logging import FlowkitLogger, LogLevel
from ..protocol.once import lost_once
from ..protocol.records import ErrorInfo
from ..protocol.scheduler_store import SchedulerStore

MOST_DEATHS = 3
EVERY_S = 1.0
GRACE_S = 3.0  # workers try to renew every second, or more often
_ERROR = ErrorInfo(
    "WorkerLost",
    f"workers were lost {MOST_DEATHS} times while they ran this task. Look for what ends them: "
    "memory, a crash in native code, the machine itself",
).pack()
_ONCE = lost_once("the worker that had taken this task was lost: its lease ran out")


class Reaper:
    """Takes back what dead workers held."""

    name = "reaper"

    def __init__(
        self,
        store: SchedulerStore,
        logger: FlowkitLogger,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._log = logger
        self._monotonic = monotonic
        self._begin = monotonic() + GRACE_S

    def due_early(self) -> bool:
        """Nothing makes it look before its time."""
        return False

    def run_once(self) -> float:
        """Reap workers whose lease is over; return the seconds until the next time."""
        early = self._begin - self._monotonic()
        if early > 0:
            return early
        for worker in self._store.expired_workers():
            taken = [
                attempt
                for lane in worker.lanes
                for attempt in self._store.reap(lane, MOST_DEATHS, _ERROR, _ONCE)
            ]
            if self._store.retire(worker.name, worker.lanes):
                message = (
                    f"Worker {worker} is lost: its lease ran out; {len(taken)} attempts taken back"
                )
                self._log.event(LogLevel.WARNING, "worker_lost", message, worker=str(worker))
        return EVERY_S
