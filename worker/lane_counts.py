"""Counters of a child in shared memory: attempts that ended, and how long its lanes took, by queue.

The parent turns them into the rates of the worker's description. A lane adds to them once per
batch, or once per attempt if the worker serves several queues, so a task pays less than a
microsecond and no command of Redis.

Each writer (the sync lane, the event loop, the pump of the async lane) has separate counters, so
none of them needs a lock. User code can overwrite the memory: the parent takes no value on trust.
"""

from __future__ import annotations

import math
import mmap
import struct
import time
from collections.abc import Callable, Sequence
from enum import IntEnum

from flowkit.core.compiled import CompiledDAG
from flowkit.protocol.worker_store import Claim

_COUNTER = struct.Struct("=Qd")
_MOST_ATTEMPTS, _MOST_SECONDS = 2**53, 1e12  # beyond them, the memory was overwritten

Totals = tuple[tuple[int, float], ...]  # of each queue: attempts, and seconds of lanes


class Writer(IntEnum):
    """Who writes a row of counters."""

    SYNC = 0
    LOOP = 1
    PUMP = 2


class LaneCounts:
    """The counters of one child. Create them before forking, so that both processes share them."""

    def __init__(self, queues: int) -> None:
        """``queues``: how many queues the worker serves, at least one."""
        self.queues = queues
        self._memory = mmap.mmap(-1, len(Writer) * queues * _COUNTER.size)
        self._last: Totals | None = None

    def add(self, writer: Writer, queue: int, attempts: int, seconds: float) -> None:
        """Count attempts of a queue (its position) that ended, and the time that they took."""
        at = (writer * self.queues + queue) * _COUNTER.size
        so_far, took = _COUNTER.unpack_from(self._memory, at)
        if so_far < _MOST_ATTEMPTS:
            _COUNTER.pack_into(self._memory, at, so_far + attempts, took + seconds)

    def totals(self) -> Totals:
        """Return the sums of all writers, by the position of the queue. Also after ``close``."""
        if self._last is not None:
            return self._last
        rows = [self._row(writer) for writer in Writer]
        return tuple(
            (sum(row[queue][0] for row in rows), sum(row[queue][1] for row in rows))
            for queue in range(self.queues)
        )

    def _row(self, writer: Writer) -> list[tuple[int, float]]:
        first = writer * self.queues
        return [
            _sane(*_COUNTER.unpack_from(self._memory, (first + queue) * _COUNTER.size))
            for queue in range(self.queues)
        ]

    def close(self) -> None:
        """Keep the totals and release the memory."""
        if self._last is None:
            self._last = self.totals()
            self._memory.close()


def _sane(attempts: int, seconds: float) -> tuple[int, float]:
    if attempts < _MOST_ATTEMPTS and math.isfinite(seconds) and 0.0 <= seconds < _MOST_SECONDS:
        return attempts, seconds
    return 0, 0.0


class LaneTally:
    """What one writer of a child counts.

    A worker of a single queue need not know which queue an attempt came from. A worker of several
    looks it up in the graph, which the lane has just used.
    """

    def __init__(
        self,
        counts: LaneCounts,
        writer: Writer,
        queues: Sequence[str],
        known: Callable[[str], CompiledDAG | None],
    ) -> None:
        """``queues``: their names, in the order of the counters. ``known``: a graph by its digest,
        None if it is not at hand.
        """
        self._counts = counts
        self._writer = writer
        self._positions = {name: at for at, name in enumerate(queues[: counts.queues])}
        self._known = known
        self._began = 0.0
        self._batch: dict[int, list[float]] = {}  # what ended_one has counted, by queue
        self.has_several = len(self._positions) > 1

    def begin(self) -> None:
        """Start the time of the next attempt of ``ended_one``."""
        self._began = time.perf_counter()

    def ended_one(self, claim: Claim) -> None:
        """Count an attempt that took the time since ``begin``, and begin again.

        ``ended_batch`` writes what was counted.
        """
        now = time.perf_counter()
        took, self._began = now - self._began, now
        at = self._position(claim)
        known = self._batch.get(at)
        if known is None:
            self._batch[at] = [1, took]
        else:
            known[0] += 1
            known[1] += took

    def ended(self, claim: Claim, seconds: float) -> None:
        """Count an attempt that took ``seconds``."""
        at = self._position(claim) if self.has_several else 0
        if at >= 0:
            self._counts.add(self._writer, at, 1, seconds)

    def ended_batch(self, attempts: int, seconds: float) -> None:
        """Count a batch. With several queues, ``ended_one`` has counted its attempts."""
        if not self.has_several:
            self._counts.add(self._writer, 0, attempts, seconds)
            return
        for at, (ended, took) in self._batch.items():
            if at >= 0:
                self._counts.add(self._writer, at, int(ended), took)
        self._batch.clear()

    def _position(self, claim: Claim) -> int:
        """Return the position of the claim's queue, -1 if it is unknown."""
        dag = self._known(claim.digest)
        if dag is None or not dag.is_valid(claim.task):
            return -1
        return self._positions.get(dag.policy(claim.task).queue, -1)
