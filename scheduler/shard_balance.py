"""Balance the shards among schedulers: how many each process leads, and when to hand one over.

The children of one process with several shards share leadership counts in memory: one byte per
child says whether it leads its shard. A standby tells Redis the sum with each poll. The leader gets
that sum with each renewal, and hands its lease over if its own process leads at least two more. So
the counts converge and then stay: each lease handed over brings them closer by two, and with a
difference of one nothing moves.

The count of another process is up to two polls old. Two leases handed over at once would overshoot
and come back, so the children take turns by the machine's clock, and after a lease is handed over
the others wait for one turn. One lease too many does no harm; it only moves twice.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable

LEAST_DIFFERENCE = 2
_STAMP = struct.Struct("d")


class LeadershipCounts:
    """Which shards the children of one process lead. The parent creates it before it forks."""

    def __init__(
        self, shards: int, turn: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``turn``: seconds in which each child in turn may hand its lease over. It is longer than
        two polls of a standby and than the time between two renewals.
        """
        self.shards = shards
        self.turn = turn
        self.monotonic = monotonic
        self._memory = mmap.mmap(-1, _STAMP.size + shards)  # end of the pause; who leads

    def note(self, position: int, *, leads: bool) -> None:
        """Record whether the child of this shard leads."""
        self._memory[_STAMP.size + position] = leads

    def total(self) -> int:
        """Return how many shards the process leads."""
        return sum(self._memory[_STAMP.size :])

    def pause(self) -> None:
        """Let no child hand a lease over for the length of one turn."""
        _STAMP.pack_into(self._memory, 0, self.monotonic() + self.turn)

    def is_turn_of(self, position: int) -> bool:
        """Return whether the child of this shard may hand its lease over now."""
        now = self.monotonic()
        turn = int(now / self.turn) % self.shards
        return turn == position and now >= _STAMP.unpack_from(self._memory, 0)[0]


class ShardBalance:
    """One child's view of the leadership counts."""

    def __init__(self, counts: LeadershipCounts, position: int) -> None:
        """``position``: of the child's shard."""
        self._counts = counts
        self._position = position

    @property
    def total(self) -> int:
        """How many shards the process leads."""
        return self._counts.total()

    @property
    def most(self) -> int:
        """The most shards another process may lead and still receive a lease from this one."""
        return self.total - LEAST_DIFFERENCE

    def note(self, *, leads: bool) -> None:
        """Record whether this child leads."""
        self._counts.note(self._position, leads=leads)

    def should_hand_over_to(self, standby: int) -> bool:
        """Return whether this child, which leads, should hand its lease over now.

        ``standby``: how many shards the process of the standby leads, -1 without a standby.
        """
        return 0 <= standby <= self.most and self._counts.is_turn_of(self._position)

    def note_handed_over(self) -> None:
        """Record that this child has handed its lease over."""
        self.note(leads=False)
        self._counts.pause()
