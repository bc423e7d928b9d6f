"""The undertaker: tells Redis what became of the attempts of children that are dead.

Reports are queued and sent in order as soon as Redis answers. For a child that this worker ended
itself (a timeout, a cancelled run) the attempt that it was ended for gets its own outcome first;
only then is the rest of what the lane held given back. Each report is safe to send twice.

Whom to blame: nobody, if this worker ended the child itself or it ended in good order; the only one
that was executing; among several, the only suspect, since it was there the last time too. The
others that were executing become suspects. Both lanes of a child are one process and are judged
together.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from ..exceptions import LeaseLost, RedisUnavailable, StoreError
from ..outage import OutageLog
from ..protocol.once import lost_once
from ..protocol.records import ErrorInfo
from ..protocol.worker_store import NOBODY, Outcome, WorkerStore
from .board import Executing
from .children import Death, Kid

MOST_DEATHS = 3


class Undertaker:
    """Reports of one incarnation's dead children."""

    def __init__(self, store: WorkerStore, outages: OutageLog) -> None:
        self._store = store
        self._outages = outages
        self._ended: dict[int, tuple[Executing, Outcome]] = {}
        self._reports: list[tuple[str, Callable[[], object]]] = []

    def ending(self, kid: Kid) -> bool:
        """Return whether this child has been ended and its death not yet been heard of."""
        return kid.pid in self._ended

    def end(self, kid: Kid, attempt: Executing, outcome: Outcome) -> None:
        """End a child because of one attempt, which gets this outcome."""
        self._ended[kid.pid] = (attempt, outcome)
        kid.kill()

    def bury(self, death: Death, *, blameless: bool) -> None:
        """Queue the reports of a death. ``blameless``: it is part of a shutdown, nobody's fault."""
        # Ending a child for one attempt is no reason to suspect the others that it executed.
        ended = self._ended.pop(death.kid.pid, None)
        if ended is not None:
            attempt, outcome = ended
            lane = death.kid.lanes[attempt.slot > 0]
            self._queue(lane, partial(self._store.complete, lane, [outcome], 0, 0, 1, ()))
        suspects = [one.key for one in death.executing if one.suspect]
        blame = suspects[0] if len(suspects) == 1 else ""
        reap = partial(
            self._store.reap_child,
            executing=[one.key for one in death.executing],
            most_deaths=MOST_DEATHS,
            error=_worker_lost(death).pack(),
            blame=NOBODY if blameless or ended or death.orderly else blame,
            once=_lost_once(death),
        )
        for lane in death.kid.lanes:
            # Each lane hears of all that the child executed: one death is blamed on one task.
            self._queue(lane, partial(reap, lane))

    def _queue(self, lane: str, report: Callable[[], object]) -> None:
        self._reports.append((lane, report))

    @property
    def lanes(self) -> list[str]:
        """The dead lanes that have not been reported yet. They must stay registered till then."""
        return list(dict.fromkeys(lane for lane, _ in self._reports))

    def deliver(self) -> bool:
        """Send what is queued until Redis is away; return whether nothing is left.

        The reports of a lane whose keys are damaged go behind the others, in their order.
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
                pass  # the scheduler has taken everything back already
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
