"""The scheduler's calls about facts: reading them, its cursor, and quarantine.

The scripts announce facts in the stream ``events``, several in each of its entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .decoding import CorruptData, announcement_id, pairs
from .lease_store import LeaseStore


class Announcement(NamedTuple):
    """The facts that one step announced. Each is a kind and a text, which are not validated yet."""

    id: str
    facts: list[tuple[bytes, bytes]]


class FactStore(LeaseStore):
    """The calls of one scheduler about facts."""

    def read_announcements(self, cursor: str, count: int, block_ms: int) -> list[Announcement]:
        """Return what was announced after the cursor; wait up to ``block_ms`` for one.

        Redis looks at waits only ten times a second, so 1 may take 100 ms; 0 does not wait.
        An announcement that is too large to read is returned with an unknown fact that says so,
        so that the cursor can move past it.
        """
        try:
            return self._read_announcements(cursor, count, block_ms)
        except CorruptData:
            pass  # one of them is too large, or all together are
        try:
            return self._read_announcements(cursor, 1, block_ms)
        except CorruptData:
            number = self._name_event(cursor)
            return [Announcement(number, [(b"", b"too large to be read")])] if number else []

    def _read_announcements(self, cursor: str, count: int, block_ms: int) -> list[Announcement]:
        wait = ("BLOCK", block_ms) if block_ms else ()
        reply = self.link.call(
            "XREAD", "COUNT", count, *wait, "STREAMS", self.keys.events(), cursor
        )
        if not reply:
            return []
        return [Announcement(number.decode(), list(pairs(facts))) for number, facts in reply[0][1]]

    def read_cursor(self) -> str:
        """Return the id of the last announcement that was applied; "0" if there is none.

        Also "0" for a damaged cursor and for one ahead of all, which would hide the next ones.
        Applying announcements again is harmless. Two round trips.
        """
        try:
            cursor = announcement_id(self.link.call("GET", self.keys.cursor()))
        except CorruptData:
            return "0"
        return cursor if moment(cursor) <= moment(self.last_announcement()) else "0"

    def last_announcement(self) -> str:
        """Return the id of the newest announcement; "0" if there is none."""
        return self._name_event("") or "0"

    def _name_event(self, cursor: str) -> str:
        """Return the id of the announcement after a cursor, "" if there is none."""
        reply = self._script("name_event", cursor)
        return "" if reply[0] == b"NONE" else announcement_id(reply[1])

    def quarantine_event(self, announcements: Sequence[str]) -> None:
        """Keep announcements that could not be read, for inspection: the newest hundred."""
        self._fenced("quarantine_event", *announcements)


def moment(number: str) -> tuple[int, int]:
    """Return the order of an announcement: the time (ms) when it was announced, and a counter."""
    ms, _, counter = number.partition("-")
    return int(ms), int(counter or 0)
