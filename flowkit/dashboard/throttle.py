"""How often a password may be guessed: a bucket of attempts that fills slowly.

One bucket serves the whole process. So it does not matter from how many addresses the guesses
come, and nothing is stored for any of them. While it is empty, no password is compared, not even
the right one: nobody can log in with it then, but sessions that are open continue.
"""

from __future__ import annotations

import math
import threading

from ..clock import SYSTEM_CLOCK, Clock

MOST_GUESSES = 10
GUESS_S = 6.0  # so that there are at most 14,400 guesses a day


class Throttle:
    """A bucket of ``most`` attempts, which gets another one each ``seconds``."""

    def __init__(
        self, most: int = MOST_GUESSES, seconds: float = GUESS_S, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._left, self._since = float(most), clock.monotonic()
        self._lock = threading.Lock()

    def seconds_left(self) -> int:
        """Return after how many whole seconds there is an attempt, 0 if there is one now."""
        with self._lock:
            self._fill()
            return 0 if self._left >= 1 else math.ceil((1 - self._left) * self._seconds)

    def take(self) -> None:
        """Take an attempt out of the bucket."""
        with self._lock:
            self._fill()
            self._left = max(0.0, self._left - 1)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._since) / self._seconds)
        self._since = now
