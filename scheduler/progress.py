"""Publishes the progress of active runs: each at most every 0.25 s, and the last change by then.

The counts are those that ``status`` shows and that waiting clients are sent. The end of a run is
not published here: it has counts of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from heapq import heappop, heappush

from .active import Active
from .writer import Writer

PROGRESS_S = 0.25


class Progress:
    """Knows which runs have changed since their progress was last published."""

    def __init__(self, writer: Writer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._writer = writer
        self._monotonic = monotonic
        self._changed: dict[str, Active] = {}
        self._due: list[tuple[float, str]] = []  # a heap; has each changed run once

    def note(self, active: Active) -> None:
        """Note that the counts of a run may have changed. It has none when it has just begun."""
        if active.state.finished:
            return
        if not active.progress_at:
            active.progress_at = self._monotonic()
            return
        if active.run not in self._changed:
            heappush(self._due, (active.progress_at + PROGRESS_S, active.run))
        self._changed[active.run] = active  # a run that was resumed is another object

    def publish(self) -> None:
        """Give the counts that are due to the writer."""
        now = self._monotonic()
        while self._due and self._due[0][0] <= now:
            active = self._changed.pop(heappop(self._due)[1])
            if not active.state.finished:
                self._writer.progress(active.run, active.counts())
                active.progress_at = now

    def due_in(self) -> float | None:
        """Return the seconds until something is due, None if nothing has changed."""
        return max(0.0, self._due[0][0] - self._monotonic()) if self._due else None

    def clear(self) -> None:
        """Forget all runs."""
        self._changed.clear()
        self._due.clear()
