"""The one clock, which is handed in.

Whoever needs the time inside a process takes a ``Clock``, so that a test can move time instead of
waiting for it. Rules:
- Lengths (timeouts, durations, intervals) are differences of ``monotonic()``; ``wall()`` is for
  dates that people read and for times that are stored: a wall clock may jump, also backwards.
- Leases and due times that several machines share follow the Redis server's clock, never this one.
- No other module of the library reads the wall clock; lint enforces it.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Final, Protocol

from .context import attempt_fields


class Clock(Protocol):
    """What the library asks of a clock."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a length of zero or less returns at once."""
        ...


class SystemClock:
    """The computer's own clock."""

    def monotonic(self) -> float:
        """Return seconds since the computer started, or some other fixed moment."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        return time.time()  # noqa: TID251 - the one place that reads it

    def wall_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        return int(self.wall() * 1000)

    def sleep(self, seconds: float) -> None:
        """Wait in real time; a length of zero or less returns at once."""
        time.sleep(max(0.0, seconds))


class FakeClock:
    """A clock for tests: it stands still until ``advance`` or ``sleep`` moves it.

    Threads may share it: there is one time, so lengths that they sleep side by side add up.
    ``start_ms``: the wall time at the start, in milliseconds; ``monotonic()`` starts at 0.
    """

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = start_ms
        self._elapsed = 0.0
        self._lock = Lock()
        self._moved_by: dict[tuple[str, str, int], float] = {}
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds by which this clock has been moved."""
        return self._elapsed

    def wall(self) -> float:
        """Return the start moved on by the same length, in seconds."""
        return self.wall_ms() / 1000

    def wall_ms(self) -> int:
        """Return the start moved on by the same length, in milliseconds."""
        return self._start_ms + round(self._elapsed * 1000)

    def sleep(self, seconds: float) -> None:
        """Move the time on by ``seconds`` and keep the length in ``slept``."""
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move the time on. Raises ValueError for a negative length: time never goes back."""
        if seconds < 0:
            raise ValueError(f"cannot advance a clock by {seconds} s; give a length of 0 or more")
        mover = attempt_fields()
        with self._lock:
            self._elapsed += seconds
            if mover is not None:
                self._moved_by[mover[:3]] = self._moved_by.get(mover[:3], 0.0) + seconds

    def moved_by(self, run_id: str, task: str, attempt: int) -> float:
        """Return the seconds by which that attempt of a task has moved this clock."""
        return self._moved_by.get((run_id, task, attempt), 0.0)


SYSTEM_CLOCK: Final[Clock] = SystemClock()
