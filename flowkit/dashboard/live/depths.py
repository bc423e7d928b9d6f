"""Queues as they are watched: with how many tasks waited in them, since the first page watched.

Redis has the present only, so the watch keeps what it has read: ``KEPT`` depths, one each
``POINT_S`` seconds, of the ``MOST_QUEUES`` queues with most tasks. A page that comes later gets all
of them. They end with the watch.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ...client.documents.api import QueueDepths
from ...client.documents.document import to_mapping
from ...client.documents.queues import Queues
from ...clock import SYSTEM_CLOCK, Clock
from .source import SHARE, Told

POINT_S = 5.0
KEPT = 360  # half an hour
MOST_QUEUES = 12


@dataclass(frozen=True, slots=True)
class _State:
    queues: Queues
    points: int  # how many there were ever


class QueueSource:
    """The queues of a system, and their depths."""

    seconds = 2.0
    rest = SHARE

    def __init__(self, make: Callable[[], Queues], clock: Clock = SYSTEM_CLOCK) -> None:
        self._make = make
        self._clock = clock
        self._points: deque[tuple[float, dict[str, int]]] = deque(maxlen=KEPT)
        self._count = 0

    def read(self, before: _State | None) -> _State:
        """Return the queues, and keep their depths if it is time."""
        queues, now = self._make(), self._clock.wall()
        if not self._points or now - self._points[-1][0] >= POINT_S:
            depths = {entry.queue: entry.waiting for entry in queues.items[:MOST_QUEUES]}
            self._points.append((now, depths))
            self._count += 1
        if before is not None and (before.queues, before.points) == (queues, self._count):
            return before
        return _State(queues, self._count)

    def whole(self, state: _State) -> Told:
        """Return the queues with all depths that are kept."""
        points = list(self._points)
        latest: dict[str, int] = {}
        for _, depths in points:
            latest.update(depths)
        names = sorted(latest, key=lambda name: (-latest[name], name))[:MOST_QUEUES]
        fields = {
            field.name: getattr(state.queues, field.name) for field in dataclasses.fields(Queues)
        }
        document = QueueDepths(
            **fields,
            times=[round(when, 1) for when, _ in points],
            depths={name: [depths.get(name) for _, depths in points] for name in names},
        )
        return dict(to_mapping(document))

    def change(self, before: _State, state: _State) -> Told:
        """Return the queues, and the depths if there are new ones."""
        if state.points == before.points:
            return dict(to_mapping(state.queues))
        return self.whole(state)
