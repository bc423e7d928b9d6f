"""The reaper duty: takes back the work of workers whose lease has expired.

Their parent process is gone or cut off, so it is unknown what was executing: ``reap.lua`` says
which tasks it suspects. A worker whose child died reports that itself. If the scheduler dies during
this, the worker's claims remain and the next leader takes them back.

It starts ``GRACE_S`` after its scheduler begins to lead. After an outage of Redis, all leases may
have expired, including those of live workers that are about to renew them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowkit.core.retry import MOST_DEATHS
from flowkit.events.event import Listener
from flowkit.events.workers import WorkerExpired
from flowkit.protocol.once import lost_once
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore

from .loop import Duty

EVERY_S = 1.0
GRACE_S = 3.0  # workers try to renew every second, or more often
_ERROR = ErrorInfo(
    "WorkerLost",
    f"workers were lost {MOST_DEATHS} times while they ran this task. Look for the cause: "
    "memory, a crash in native code, the machine itself",
).pack()
_ONCE = lost_once("the worker that had claimed this task was lost: its lease expired")


class Reaper(Duty):
    """Takes back the work of dead workers."""

    name = "reaper"

    def __init__(
        self,
        store: SchedulerStore,
        listener: Listener,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._listener = listener
        self._monotonic = monotonic
        self._begin = monotonic() + GRACE_S

    def run_once(self) -> float:
        """Reap workers whose lease has expired; return the seconds until the next time."""
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
                self._listener.hear(WorkerExpired(worker=str(worker), attempts=len(taken)))
        return EVERY_S
