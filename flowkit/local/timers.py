"""The timers of a run in this process: retries, and the deadlines of attempts with a timeout.

There are two heaps ordered by due time. Retries use the clock of the run. Deadlines always use the
clock of the computer: a test can make hours pass, but a task that hangs does so in real time. A
timer stays in its heap when its attempt has ended; the receiver compares attempt numbers.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from itertools import count
from typing import NamedTuple

from ..clock import SYSTEM_CLOCK, Clock


class Timer(NamedTuple):
    """A retry, or else the deadline of an attempt, due at ``when`` (seconds)."""

    when: float
    order: int
    task: int
    attempt: int
    is_retry: bool


class Timers:
    """The timers of one run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._retries: list[Timer] = []
        self._deadlines: list[Timer] = []
        self._order = count()

    @property
    def any(self) -> bool:
        """Whether there is any timer."""
        return bool(self._retries or self._deadlines)

    @property
    def first_retry(self) -> float | None:
        """When the first retry is due, by the clock of the run."""
        return self._retries[0].when if self._retries else None

    def set_retry(self, delay: float, task: int, attempt: int) -> None:
        """Schedule the attempt to begin in ``delay`` seconds."""
        when = self._clock.monotonic() + delay
        heapq.heappush(self._retries, Timer(when, next(self._order), task, attempt, True))

    def set_deadline(self, when: float, task: int, attempt: int) -> None:
        """Schedule the end of the attempt at ``when``, by the clock of the computer."""
        heapq.heappush(self._deadlines, Timer(when, next(self._order), task, attempt, False))

    def patience(self, end: float | None, *, idle: bool) -> float | None:
        """Return the real seconds until a timer is due, None if only an outcome can come next.

        ``end``: the end of the run. If the run has a clock other than the computer's and no attempt
        is running (``idle``), the clock is advanced to the next due time. While attempts are
        running, that clock is not waited for, since only they can advance it.
        """
        first = self._retries[0].when if self._retries else None
        waits = [when - self._clock.monotonic() for when in (end, first) if when is not None]
        if self._clock is not SYSTEM_CLOCK:
            if idle and waits:
                self._clock.sleep(max(0.0, min(waits)))
                return 0.0
            waits = []
        if self._deadlines:
            waits.append(self._deadlines[0].when - SYSTEM_CLOCK.monotonic())
        return max(0.0, min(waits)) if waits else None

    def pop_due(self) -> list[Timer]:
        """Remove and return the timers that are due."""
        due = _pop(self._retries, self._clock.monotonic())
        return due + _pop(self._deadlines, SYSTEM_CLOCK.monotonic())

    def drop_retries(self, tasks: Collection[int]) -> list[int]:
        """Drop the retries of these tasks; return the tasks that were waiting for one."""
        dropped = [timer.task for timer in self._retries if timer.task in tasks]
        if dropped:
            self._retries = [timer for timer in self._retries if timer.task not in tasks]
            heapq.heapify(self._retries)
        return dropped


def _pop(heap: list[Timer], now: float) -> list[Timer]:
    due: list[Timer] = []
    while heap and heap[0].when <= now:
        due.append(heapq.heappop(heap))
    return due
