"""The clock of a process, passed to the code that needs it.

Code that needs the time takes a ``Clock``, so that a test can advance the time instead of waiting.
Rules:
- Durations (timeouts, intervals) are differences of ``monotonic()``. ``wall()`` is for dates that
  people read and for times that are stored: a wall clock may jump, even backwards.
- Leases and due times that several machines share use the clock of the Redis server, never this
  one.
- No other module of the library reads the wall clock; lint enforces it.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Final, Protocol

from .context import attempt_fields


class Clock(Protocol):
    """The interface of a clock."""

    def monotonic(self) -> float:
        """Return seconds since a fixed moment. The value never decreases."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``. Zero or less returns at once."""
        ...


class SystemClock:
    """The clock of the computer."""

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
        """Wait in real time. Zero or less returns at once."""
        time.sleep(max(0.0, seconds))


class FakeClock:
    """A clock for tests: its time only changes by ``advance`` and ``sleep``.

    Threads may share it. They share one time, so parallel sleeps add up. ``start_ms``: the wall
    time at the start, in milliseconds; ``monotonic()`` starts at 0.
    """

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = start_ms
        self._elapsed = 0.0
        self._lock = Lock()
        self._moved_by: dict[tuple[str, str, int], float] = {}
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds by which this clock has been advanced."""
        return self._elapsed

    def wall(self) -> float:
        """Return the start time plus the elapsed time, in seconds."""
        return self.wall_ms() / 1000

    def wall_ms(self) -> int:
        """Return the start time plus the elapsed time, in milliseconds."""
        return self._start_ms + round(self._elapsed * 1000)

    def sleep(self, seconds: float) -> None:
        """Advance the time by ``seconds`` and append them to ``slept``."""
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Advance the time. Raises ValueError for negative ``seconds``."""
        if seconds < 0:
            raise ValueError(f"cannot advance a clock by {seconds} s; give 0 or more seconds")
        mover = attempt_fields()
        with self._lock:
            self._elapsed += seconds
            if mover is not None:
                self._moved_by[mover[:3]] = self._moved_by.get(mover[:3], 0.0) + seconds

    def moved_by(self, run_id: str, task: str, attempt: int) -> float:
        """Return the seconds by which this attempt of a task has advanced the clock."""
        return self._moved_by.get((run_id, task, attempt), 0.0)


SYSTEM_CLOCK: Final[Clock] = SystemClock()
