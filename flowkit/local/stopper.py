"""Stopping a run in this process from outside."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class Stopper:
    """Stops a run, even if the request comes before the run has started."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = False
        self._stop: Callable[[], object] | None = None

    def attach(self, stop: Callable[[], object]) -> None:
        """Set the function that stops the run. It is called at once if a stop was requested."""
        with self._lock:
            self._stop = stop
            asked = self._asked
        if asked:
            stop()

    def ask(self) -> None:
        """Stop the run, now or as soon as possible."""
        with self._lock:
            self._asked = True
            stop = self._stop
        if stop is not None:
            stop()
