"""The scheduler's calls about what others left: expired workers, lost and idle hints, old names.

Names that are not valid are handled as raw bytes, so that they can be removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .decoding import lane_names, levels_of, text_of
from .event_store import EventStore
from .worker_store import reaped


class ExpiredWorker(NamedTuple):
    """A worker whose lease ran out. ``name``: as it is listed, whatever that is."""

    name: bytes
    lanes: list[str]

    def __str__(self) -> str:
        return text_of(self.name)


class UpkeepStore(EventStore):
    """Upkeep of one namespace by its scheduler."""

    # -- runs -----------------------------------------------------------------------------------

    def scan_runs(self, cursor: str) -> tuple[str, list[bytes]]:
        """Return the next cursor ('0' at the end) and some of the listed runs."""
        after, flat = self.link.call("ZSCAN", self.keys.runs(), cursor, "COUNT", 200)
        return text_of(after) if isinstance(after, bytes) else str(after), list(flat[::2])

    def forget(self, runs: Sequence[bytes]) -> int:
        """Drop expired runs from the list of runs; return how many."""
        dropped: int = self._fenced("forget", *runs)[1]
        return dropped

    def drop_stale_entries(self, rank: int, limit: int) -> tuple[int, int]:
        """Drop hints of runs that are over; return (how many, the rank to go on at)."""
        reply = self._fenced("drop_stale_entries", rank, limit)
        return reply[1], reply[2]

    def prune_dead_letters(self, rank: int, count: int) -> tuple[int, int]:
        """Look at entries of the list of dead tasks; return (how many went, rank to go on at)."""
        reply = self._fenced("prune_dead_letters", rank, count)
        return reply[1], reply[2]

    # -- workers --------------------------------------------------------------------------------

    def expired_workers(self) -> list[ExpiredWorker]:
        """Return those whose lease ran out, with lanes as they have been registered.

        Two round trips. Lanes that cannot be those of the worker are left out.
        """
        now = self.redis_now_ms()
        found = self.link.call("ZRANGEBYSCORE", self.keys.workers(), "-inf", now, "LIMIT", 0, 100)
        return [
            ExpiredWorker(name, lane_names(name, lanes))
            for name, lanes in zip(found, self._lanes_of(found), strict=True)
        ]

    def reap(
        self, lane: str, most_deaths: int, error: bytes, once: bytes = b""
    ) -> list[tuple[str, int, str]]:
        """Take back what the lane of a vanished worker held. Nobody knows what it executed.

        ``once``: the error of tasks that must not start twice.
        """
        told = (most_deaths, error, "?", once)
        reply = self._script("reap", lane, self.scheduler, self.term, *told)
        if reply[0] == b"FENCED":
            raise self.lost(self.term)
        return reaped(reply) if reply[0] == b"OK" else []

    def retire(self, worker: bytes, lanes: Sequence[str]) -> bool:
        """Forget a vanished worker; False if it still holds claims."""
        return bool(self._script("retire", worker, *lanes)[0] == b"OK")

    def _lanes_of(self, workers: Sequence[bytes]) -> list[object]:
        prefix = self.keys.worker("").encode()
        return self.link.batch_each([("HGET", prefix + name, "lanes") for name in workers])

    # -- hints ----------------------------------------------------------------------------------

    def _levels(self) -> list[tuple[str, str]]:
        """Return (ready list, its levels) of all lists that can be read."""
        return levels_of(self.link.call("HGETALL", self.keys.levels()))

    def listed(self, ready_lists: Iterable[str]) -> set[str]:
        """Return all entries of these ready lists and of ``delayed``: what is findable now."""
        known = dict(self._levels())
        keys = [
            self.keys.ready(name, level) for name in ready_lists for level in known.get(name, "")
        ]
        found: set[str] = set()
        for key in keys:
            (entries,) = self.link.batch_each([("LRANGE", key, 0, -1)])
            found.update(map(text_of, entries) if isinstance(entries, list) else ())
        found.update(map(text_of, self.link.call("ZRANGE", self.keys.delayed(), 0, -1)))
        return found

    def findable(self) -> int:
        """Return how many attempts stand in ready lists, in ``delayed`` and in claims.

        Three round trips. Not one moment's count: things move between the trips.
        """
        lists = self._levels()
        workers = self.link.call("ZRANGE", self.keys.workers(), 0, -1)
        hints = [("ZCARD", self.keys.delayed())]
        hints += [
            ("LLEN", self.keys.ready(name, level)) for name, known in lists for level in known
        ]
        claims = [
            ("HLEN", self.keys.claims(lane))
            for name, lanes in zip(workers, self._lanes_of(workers), strict=True)
            for lane in lane_names(name, lanes)
        ]
        sizes = [
            size if isinstance(size, int) else 0 for size in self.link.batch_each([*hints, *claims])
        ]
        # '#' is a field of each lane's claims, and no claim.
        claimed = sum(max(0, size - 1) for size in sizes[len(hints) :])
        return sum(sizes[: len(hints)]) + claimed
