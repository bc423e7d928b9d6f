"""Quarantine for events that cannot be read. They are kept for inspection and logged in few lines.

The resolver skips such an event, so it delays nothing. What is kept and logged is bounded: the
newest events of each batch are kept, and at most one line in ``REPEAT_S`` seconds says how many
there were. A million bad events a minute write six lines a minute.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from flowkit.events.event import Listener
from flowkit.events.schedulers import EventQuarantined
from flowkit.protocol.event_store import EventStore

KEPT = 100  # events of one batch, and in Redis
REPEAT_S = 10.0
SHOWN = 1000  # bytes kept of an event's text


class Quarantine:
    """Collects the events that one scheduler could not read."""

    def __init__(
        self,
        store: EventStore,
        listener: Listener,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._listener = listener
        self._monotonic = monotonic
        self._events: deque[str] = deque(maxlen=KEPT)
        self._first: dict[str, str] = {}
        self._count = 0
        self._quiet_until = 0.0

    def add(self, event_id: str, kind: bytes, text: bytes, why: Exception) -> None:
        """Add a fact of an event that cannot be read."""
        what = f"{kind[:100]!a} {text[:SHOWN]!a}".replace("b'", "'").replace('b"', '"')
        self._events.append(f"{event_id} {what}")
        self._count += 1
        if not self._first:
            reason = ascii(str(why)[:200])[1:-1]
            self._first = {"event_id": event_id, "text": what, "reason": reason}

    def flush(self) -> None:
        """Store what was added, and log it if a line is due. Raises LeaseLost."""
        if self._events:
            self._store.quarantine_event(list(self._events))
            self._events.clear()
        if not self._count or self._monotonic() < self._quiet_until:
            return
        count, first = self._count, self._first
        self._count, self._first = 0, {}
        self._quiet_until = self._monotonic() + REPEAT_S
        self._listener.hear(EventQuarantined(**first, events=count))
