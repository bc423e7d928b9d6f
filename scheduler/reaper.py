"""The reaper duty: takes back what workers held whose lease ran out.

Their parent is gone or cut off, so nobody can say what was executing: see ``reap.lua`` for whom it
suspects. A worker whose child died reports that itself and is not this duty's business. If the
process dies here, the worker's claims still stand and are taken back by the next leader.
"""

from __future__ import annotations

from ..logging import FlowkitLogger, LogLevel
from ..protocol.records import ErrorInfo
from ..protocol.scheduler_store import SchedulerStore

MOST_DEATHS = 3
EVERY_S = 1.0
_ERROR = ErrorInfo(
    "WorkerLost",
    f"workers were lost {MOST_DEATHS} times while they ran this task. Look for what ends them: "
    "memory, a crash in native code, the machine itself",
).pack()


class Reaper:
    """Takes back what dead workers held."""

    name = "reaper"

    def __init__(self, store: SchedulerStore, logger: FlowkitLogger) -> None:
        self._store = store
        self._log = logger

    def due_early(self) -> bool:
        """Nothing makes it look before its time."""
        return False

    def run_once(self) -> float:
        """Reap workers whose lease is over; return the seconds until the next time."""
        for worker, lanes in self._store.expired_workers():
            taken = [one for lane in lanes for one in self._store.reap(lane, MOST_DEATHS, _ERROR)]
            gone = self._store.retire(worker, lanes)
            if gone:
                message = (
                    f"Worker {worker} is lost: its lease ran out; {len(taken)} attempts taken back"
                )
                self._log.event(LogLevel.WARNING, "worker_lost", message, worker=worker)
        return EVERY_S
