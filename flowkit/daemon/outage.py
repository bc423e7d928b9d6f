"""Logging that Redis is unreachable, and that it is back: once each, not at every attempt.

The cause of an outage may change (its memory was full, and now it is a replica), and the remedy
with it. A new cause is logged at once, but two alternating causes are not logged at every change.

Several threads of one process may report. The first one that reaches Redis logs the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..events.event import Listener
from ..events.redis import RedisAway, RedisBack
from ..protocol.advice import cause_of

SAY_AGAIN_S = 30.0


class OutageLog:
    """The log of a daemon's outages. ``who()`` returns its id, for the field ``role``."""

    def __init__(
        self,
        listener: Listener,
        who: Callable[[], str],
        *,
        role: str = "worker",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._who = who
        self._role = role
        self._monotonic = monotonic
        self._since: float | None = None
        self._logged: dict[str, float] = {}  # cause → when it was last logged in this outage
        self._lock = threading.Lock()

    def away(self, error: Exception) -> None:
        """Note a failed call. Logs the first, every ``SAY_AGAIN_S`` seconds, and a new cause."""
        with self._lock:
            now, cause = self._monotonic(), cause_of(error)
            if self._since is None:
                self._since = now
            elif now - self._last_logged(cause) < SAY_AGAIN_S:
                return
            self._logged[cause] = now
        self._listener.hear(RedisAway(reason=str(error), **self._daemon()))

    def _last_logged(self, cause: str) -> float:
        # A lost connection is no new cause in an outage: connections break when Redis changes.
        times = self._logged.values() if not cause else [self._logged.get(cause, -SAY_AGAIN_S)]
        return max(times)

    def back(self) -> None:
        """Note a successful call. Logs it if it ends an outage."""
        with self._lock:
            if self._since is None:
                return
            seconds = round(self._monotonic() - self._since, 1)
            self._since = None
            self._logged.clear()
        self._listener.hear(RedisBack(duration=seconds, **self._daemon()))

    def _daemon(self) -> dict[str, str]:
        return {self._role: self._who()}
