"""How much a worker does: attempts of the last minute by queue, and how many lanes are busy now.

The parent reads the counters of its children once a second and keeps a minute of them. The result
is part of the worker's description, so clients get the rates of a queue from the workers that serve
it: no script counts anything.

A new description is worth sending every five seconds, and at once when the number of busy lanes has
changed and stays changed. So an idle worker sends none, and a heartbeat is never sent for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from flowkit.protocol.limits import MAX_RATES

from .children import ChildProcess
from .lane_counts import Totals

SAMPLE_S, REFRESH_S, WINDOW_S = 1.0, 5.0, 60.0
MOST_MS = 2**32 - 1  # what readers accept; tasks may last for weeks


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What a worker reports of its work.

    ``busy``: processes that execute a plain function. ``busy_async``: ``async`` tasks that are
    executing. ``window_ms``: the time that ``rates`` covers, about a minute. ``rates``: of each
    queue with attempts that ended in it: its name, how many, and the ms that they took in lanes;
    of the busiest queues if there are many.
    """

    busy: int = 0
    busy_async: int = 0
    window_ms: int = 0
    rates: tuple[tuple[str, int, int], ...] = ()


class Throughput:
    """The load of one worker process, over all its children."""

    def __init__(
        self, queues: Sequence[str], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._queues = tuple(queues)
        self._monotonic = monotonic
        self._ended: Totals = tuple((0, 0.0) for _ in self._queues)  # by children that have died
        self._samples: deque[tuple[float, Totals]] = deque([(monotonic(), self._ended)])
        self._next_sample = 0.0
        self._next_refresh = 0.0
        self._busy = (0, 0)
        self._load = WorkerLoad()

    def child_ended(self, child: ChildProcess) -> None:
        """Keep what a child has counted. Call it once, when the child has been collected."""
        self._ended = _sum(self._ended, child.slots.counts.totals())

    def look(self, children: Collection[ChildProcess]) -> WorkerLoad:
        """Return the load to report now. Most calls return the last one."""
        now = self._monotonic()
        if now < self._next_sample:
            return self._load
        self._next_sample = now + SAMPLE_S
        totals = self._ended
        for child in children:
            totals = _sum(totals, child.slots.counts.totals())
        while len(self._samples) > 1 and self._samples[1][0] <= now - WINDOW_S:
            self._samples.popleft()
        self._samples.append((now, totals))
        before, self._busy = self._busy, _busy_of(children)
        is_settled = self._busy == before
        has_news = is_settled and self._busy != (self._load.busy, self._load.busy_async)
        if has_news or now >= self._next_refresh:
            self._next_refresh = now + REFRESH_S
            self._load = self._current()
        return self._load

    def _current(self) -> WorkerLoad:
        (since, first), (now, last) = self._samples[0], self._samples[-1]
        rates = [
            (
                queue,
                after[0] - before[0],
                min(MOST_MS, max(0, round(1000 * (after[1] - before[1])))),
            )
            for queue, before, after in zip(self._queues, first, last, strict=True)
            if after[0] > before[0]
        ]
        busiest = sorted(rates, key=lambda rate: rate[1], reverse=True)[:MAX_RATES]
        window_ms = round(1000 * (now - since)) if rates else 0
        return WorkerLoad(*self._busy, window_ms, tuple(busiest) if window_ms else ())


def _sum(one: Totals, other: Totals) -> Totals:
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(one, other, strict=True))


def _busy_of(children: Collection[ChildProcess]) -> tuple[int, int]:
    busy = [child.slots.busy() for child in children]
    return sum(sync for sync, _ in busy), sum(of_loop for _, of_loop in busy)
