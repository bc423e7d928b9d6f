"""The death reporter: reports the attempts of dead children to Redis.

Reports are queued and sent in order as soon as Redis answers. If this worker killed the child (for
a timeout or a cancelled run), the attempt that it was killed for gets its outcome first; only then
are the other claims of the lane given back. Every report is safe to send twice.

No task is blamed if this worker killed the child or if the child ended normally. Otherwise the
task that was executing is blamed if there was only one; among several, the only suspect, because
it was executing at the previous death too. The other tasks that were executing become suspects.
Both lanes of a child are one process, so they are judged together.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from flowkit.core.retry import MOST_DEATHS
from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import LeaseLost, RedisUnavailable, StoreError
from flowkit.protocol.once import lost_once
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import NOBODY, WorkerStore

from .children import ChildProcess, Death
from .execution_slots import Executing


class DeathReporter:
    """Reports on the dead children of one incarnation."""

    def __init__(self, store: WorkerStore, outages: OutageLog) -> None:
        self._store = store
        self._outages = outages
        self._ended: dict[int, tuple[Executing, Outcome]] = {}
        self._reports: list[tuple[str, Callable[[], object]]] = []

    def ending(self, child: ChildProcess) -> bool:
        """Return whether this child was killed and its death has not been noticed yet."""
        return child.pid in self._ended

    def end(self, child: ChildProcess, attempt: Executing, outcome: Outcome) -> None:
        """Kill a child because of one attempt, which gets this outcome."""
        self._ended[child.pid] = (attempt, outcome)
        child.kill()

    def report_death(self, death: Death, *, blameless: bool) -> None:
        """Queue the reports on a death. ``blameless``: it is part of a shutdown, not a fault."""
        # Killing a child for one attempt is no reason to suspect the others that it executed.
        ended = self._ended.pop(death.child.pid, None)
        if ended is not None:
            attempt, outcome = ended
            lane = death.child.lanes[attempt.slot > 0]
            self._queue(lane, partial(self._store.complete, lane, [outcome], 0, 0, 1, ()))
        suspects = [attempt.key for attempt in death.executing if attempt.suspect]
        blame = suspects[0] if len(suspects) == 1 else ""
        reap = partial(
            self._store.reap_child,
            executing=[attempt.key for attempt in death.executing],
            most_deaths=MOST_DEATHS,
            error=_worker_lost(death).pack(),
            blame=NOBODY if blameless or ended or death.orderly else blame,
            once=_lost_once(death),
        )
        for lane in death.child.lanes:
            # The report on each lane lists all that the child executed, in both lanes: one death
            # is blamed on one task.
            self._queue(lane, partial(reap, lane))

    def _queue(self, lane: str, report: Callable[[], object]) -> None:
        self._reports.append((lane, report))

    @property
    def lanes(self) -> list[str]:
        """The dead lanes without a report so far. They must stay registered until it is sent."""
        return list(dict.fromkeys(lane for lane, _ in self._reports))

    def deliver(self) -> bool:
        """Send the queued reports until Redis fails; return whether the queue is empty.

        The reports on a lane whose keys are damaged move behind the others and keep their order.
        """
        while self._reports:
            try:
                self._reports[0][1]()
            except StoreError as error:
                self._outages.away(error)
                if not isinstance(error, RedisUnavailable):
                    lane = self._reports[0][0]
                    self._reports.sort(key=lambda report: report[0] == lane)
                return False
            except LeaseLost:
                pass  # the scheduler has already taken everything back
            del self._reports[0]
        return True


def _lost_once(death: Death) -> bytes:
    return lost_once(
        f"its worker process ended while it ran this task (on {socket.gethostname()}, by "
        f"{death.how})"
    )


def _worker_lost(death: Death) -> ErrorInfo:
    return ErrorInfo(
        "WorkerLost",
        f"the worker process died {MOST_DEATHS} times while it ran this task "
        f"(last on {socket.gethostname()}, by {death.how}). Look for what ends it: memory, "
        "a crash in native code, os._exit",
    )
