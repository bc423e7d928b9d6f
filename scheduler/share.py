"""How schedulers share the shards: whose process leads how many, and when a lease is passed on.

Each process of several shards keeps a board in memory that its children share: a byte for each,
whether it leads its shard. A child that stands by tells Redis the sum with each poll; the one that
leads hears of it with each renewal, and passes its lease on if its own process leads at least two
more. So the numbers meet and stay: a lease passed on brings them together by two, and with a
difference of one nothing moves.

What is heard of another process is old by as much as two polls. Two leases passed on at once would
overshoot and come back, so the children take turns by the machine's clock, and when one has passed
its lease on the others wait for as long as a turn. A lease too many is no fault, only a detour.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable

LEAST_DIFFERENCE = 2
_STAMP = struct.Struct("d")


class Board:
    """What the children of one process share. To be made by their parent, before it forks."""

    def __init__(
        self, shards: int, turn: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``turn``: seconds for each child in turn to pass its lease on; longer than two polls of
        a standby and than the time between two renewals.
        """
        self.shards = shards
        self.turn = turn
        self.monotonic = monotonic
        self._memory = mmap.mmap(-1, _STAMP.size + shards)  # till when to be quiet; who leads

    def note(self, position: int, *, leads: bool) -> None:
        """Say whether the child of this shard leads."""
        self._memory[_STAMP.size + position] = leads

    def total(self) -> int:
        """Return how many shards the process leads."""
        return sum(self._memory[_STAMP.size :])

    def be_quiet(self) -> None:
        """Let nobody pass a lease on for as long as a turn."""
        _STAMP.pack_into(self._memory, 0, self.monotonic() + self.turn)

    def is_turn_of(self, position: int) -> bool:
        """Return whether the child of this shard may pass its lease on now."""
        now = self.monotonic()
        turn = int(now / self.turn) % self.shards
        return turn == position and now >= _STAMP.unpack_from(self._memory, 0)[0]


class Share:
    """One child's view of the board."""

    def __init__(self, board: Board, position: int) -> None:
        """``position``: of its shard."""
        self._board = board
        self._position = position

    @property
    def total(self) -> int:
        """How many shards the process leads."""
        return self._board.total()

    @property
    def most(self) -> int:
        """How many shards another process may lead for this one to pass a lease on to it."""
        return self.total - LEAST_DIFFERENCE

    def note(self, *, leads: bool) -> None:
        """Say whether this child leads."""
        self._board.note(self._position, leads=leads)

    def gives_way_to(self, standby: int) -> bool:
        """Return whether this child, which leads, is to pass its lease on now.

        ``standby``: how many shards the process leads that stands by, -1 if nobody does.
        """
        return 0 <= standby <= self.most and self._board.is_turn_of(self._position)

    def note_passed_on(self) -> None:
        """Say that this child has passed its lease on."""
        self.note(leads=False)
        self._board.be_quiet()
