"""Quarantine for facts that cannot be read. They are kept for inspection and logged in few lines.

The resolver skips such a fact, so it delays nothing. What is kept and logged is bounded: the
newest facts of each batch are kept, and at most one line in ``REPEAT_S`` seconds says how many
there were. A million bad facts a minute write six lines a minute.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from flowkit.events.event import Listener
from flowkit.events.schedulers import EventQuarantined
from flowkit.protocol.fact_store import FactStore

KEPT = 100  # facts of one batch, and in Redis
REPEAT_S = 10.0
SHOWN = 1000  # bytes kept of a fact's text


class Quarantine:
    """Collects the facts that one scheduler could not read."""

    def __init__(
        self,
        store: FactStore,
        listener: Listener,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._listener = listener
        self._monotonic = monotonic
        self._facts: deque[str] = deque(maxlen=KEPT)
        self._first: dict[str, str] = {}
        self._count = 0
        self._quiet_until = 0.0

    def add(self, announcement_id: str, kind: bytes, text: bytes, why: Exception) -> None:
        """Add a fact that cannot be read."""
        what = f"{kind[:100]!a} {text[:SHOWN]!a}".replace("b'", "'").replace('b"', '"')
        self._facts.append(f"{announcement_id} {what}")
        self._count += 1
        if not self._first:
            reason = ascii(str(why)[:200])[1:-1]
            self._first = {"event_id": announcement_id, "text": what, "reason": reason}

    def flush(self) -> None:
        """Store what was added, and log it if a line is due. Raises LeaseLost."""
        if self._facts:
            self._store.quarantine_event(list(self._facts))
            self._facts.clear()
        if not self._count or self._monotonic() < self._quiet_until:
            return
        count, first = self._count, self._first
        self._count, self._first = 0, {}
        self._quiet_until = self._monotonic() + REPEAT_S
        self._listener.hear(EventQuarantined(**first, events=count))
