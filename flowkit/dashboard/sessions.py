"""The sessions of a dashboard: what a browser has that was let in, and for how long.

A session ends when its reader logs out, when no page was seen for ``IDLE_S``, ``LIFE_S`` after it
began, or when ``MOST_SESSIONS`` others were used after it. All end with the process.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from ..clock import SYSTEM_CLOCK, Clock

TOKEN_BYTES = 32
MOST_SESSIONS = 32
IDLE_S = 12 * 3600.0
LIFE_S = 7 * 86400.0


def random_text() -> str:
    """Return a text that nobody can guess, fit for cookies and addresses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks. ``csrf``: what actions must carry; ``by_token``: a program that sent a token.

    ``key`` is in the cookie that opens the API, and ``view`` in the one that opens the pages.
    """

    name: str = ""
    csrf: str = field(default_factory=random_text, repr=False)
    key: str = field(default="", repr=False)
    view: str = field(default="", repr=False)
    by_token: bool = False


@dataclass(slots=True)
class _Kept:
    session: Session
    began: float
    used: float


class Sessions:
    """All sessions of a process. Threads may share it."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._views: dict[str, str] = {}
        self._lock = threading.Lock()

    def open(self) -> Session:
        """Begin a session. The one that was not used for longest ends if there are too many."""
        session = Session(key=random_text(), view=random_text())
        now = self._clock.monotonic()
        with self._lock:
            self._kept[session.key] = _Kept(session, now, now)
            self._views[session.view] = session.key
            while len(self._kept) > MOST_SESSIONS:
                self._drop(next(iter(self._kept)))
        return session

    def of_key(self, key: str) -> Session | None:
        """Return the session with this key, None if there is none or if it has ended."""
        now = self._clock.monotonic()
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            if now - kept.used > IDLE_S or now - kept.began > LIFE_S:
                self._drop(key)
                return None
            kept.used = now
            self._kept.move_to_end(key)
            return kept.session

    def of_view(self, view: str) -> Session | None:
        """Return the session whose pages this text opens, None if there is none."""
        with self._lock:
            key = self._views.get(view)
        return None if key is None else self.of_key(key)

    def close(self, key: str) -> None:
        """End a session, if there is such a one."""
        with self._lock:
            if key in self._kept:
                self._drop(key)

    def _drop(self, key: str) -> None:
        del self._views[self._kept.pop(key).session.view]
