"""Saying that Redis is away, and that it is back: once each, not at every try.

An outage may change its cause (its memory was full, and now it is a replica), and with it what is
to be done. A new cause is told at once; two that alternate are not told at every change.

Several threads of one process may report: whichever gets through first says that it is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .logging import FlowkitLogger, LogLevel
from .protocol.advice import cause_of

SAY_AGAIN_S = 30.0


class OutageLog:
    """What a daemon logs of outages, in the name of ``who()``, under the field ``role``."""

    def __init__(
        self,
        logger: FlowkitLogger,
        who: Callable[[], str],
        *,
        role: str = "worker",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = logger
        self._who = who
        self._role = role
        self._monotonic = monotonic
        self._since: float | None = None
        self._said: dict[str, float] = {}  # cause → when it was said last, in this outage
        self._lock = threading.Lock()

    def away(self, error: Exception) -> None:
        """Note a failed try; says so at first, every ``SAY_AGAIN_S`` s, and for a new cause."""
        with self._lock:
            now, cause = self._monotonic(), cause_of(error)
            if self._since is None:
                self._since = now
            elif now - self._last_said(cause) < SAY_AGAIN_S:
                return
            self._said[cause] = now
        who = {self._role: self._who()}
        self._log.event(LogLevel.WARNING, "redis_away", f"Waiting for Redis: {error}", **who)

    def _last_said(self, cause: str) -> float:
        # That Redis is not reached is no news in an outage: connections break as it changes.
        times = self._said.values() if not cause else [self._said.get(cause, -SAY_AGAIN_S)]
        return max(times)

    def back(self) -> None:
        """Note a try that went well; says so if it ends an outage."""
        with self._lock:
            if self._since is None:
                return
            seconds = round(self._monotonic() - self._since, 1)
            self._since = None
            self._said.clear()
        message, who = f"Redis is there after {seconds} s", {self._role: self._who()}
        self._log.event(LogLevel.SYSTEM, "redis_back", message, duration=seconds, **who)
