"""Reads of what shows whether a namespace is healthy: its leader, its backlog, what was set aside.

A user with the access rules of an older release may not read some of it, and other programs may
have damaged a key. Then the answer is None: the other reads are not affected.
"""

from __future__ import annotations

from typing import NamedTuple

import redis.exceptions as rx

from ..exceptions import NotPermitted, RedisUnavailable, StoreError
from .decoding import CorruptData, number, text_of
from .reply_errors import WrongType
from .store import Store

# Words of the answer of Redis → what they mean.
_REFUSALS = (
    ("maxmemory", "it is full"),
    ("read only", "it is a read-only replica"),
    ("misconf", "it cannot save its data"),
    ("rdb", "it cannot save its data"),
)
LONGEST_ID = 100  # characters of the id of a scheduler


class Leader(NamedTuple):
    """The scheduler that leads. ``left_ms``: of its lease, 0 or less if it has expired."""

    scheduler: str
    term: int
    left_ms: int


class Vitals(Store):
    """The reads behind ``Client.doctor``. One round trip each, unless it says otherwise."""

    def read_leader(self) -> Leader | None:
        """Return the holder of the scheduler's lease, None without a valid one. Two round trips."""
        (held,) = self.link.batch_each([("GET", self.keys.leader())])
        if not isinstance(held, bytes):
            return None
        parts = held.split(b",")
        try:
            term, deadline = number(parts[-2], "a term"), number(parts[-1], "the end of a lease")
        except (CorruptData, IndexError):
            return None
        name = text_of(b",".join(parts[:-2]))[:LONGEST_ID]
        return Leader(name, term, deadline - self.redis_now_ms())

    def read_lag(self) -> int | None:
        """Return how many events the scheduler has not applied yet.

        The scheduler trims the events up to its cursor, and keeps the one at the cursor.
        """
        try:
            events, cursor = self.link.batch_each(
                [("XLEN", self.keys.events()), ("GET", self.keys.cursor())]
            )
        except NotPermitted:
            return None
        if not isinstance(events, int):
            return None
        return max(0, events - (1 if isinstance(cursor, bytes) and cursor != b"0" else 0))

    def count_dead(self) -> int | None:
        """Return how many tasks failed for good and have not been rerun."""
        return self._count(("ZCARD", self.keys.dead()))

    def count_quarantined(self) -> int | None:
        """Return how many events no scheduler could read."""
        return self._count(("LLEN", self.keys.quarantine()))

    def _count(self, command: tuple[str, str]) -> int | None:
        try:
            (size,) = self.link.batch_each([command])
        except NotPermitted:
            return None
        return None if isinstance(size, WrongType) else int(size)

    def check_writes(self) -> None:
        """Try a write that changes nothing.

        Raises RedisUnavailable if the server refuses writes, since it is full, read-only or cannot
        save; NotPermitted if this user may only read; StoreError if it does not run scripts.
        """
        with self.link.impatient():
            self._script("check_writes")

    def read_refusal(self) -> str:
        """Return what Redis answers to a write, "" if it accepts writes or this user may not write.

        Raises RedisUnavailable if it does not answer at all.
        """
        try:
            self.check_writes()
        except NotPermitted:
            return ""
        except RedisUnavailable as error:
            if not isinstance(error.__cause__, rx.ResponseError):
                raise
            text = str(error.__cause__).partition(" script:")[0].rstrip(". ")
            return next(
                (f"{what} ({text})" for word, what in _REFUSALS if word in text.lower()), text
            )
        except StoreError:  # it does not run scripts
            return ""
        return ""
