"""The scheduler's calls for upkeep: expired workers, lost and stale queue entries, expired runs.

Invalid names are handled as raw bytes, so that they can be removed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from ..core.worker_info import WorkerInfo
from ..exceptions import NotPermitted
from .app_functions import is_id
from .decoding import in_parts, is_worker, lane_names, text_of
from .fact_store import FactStore
from .keys import base_of
from .limits import MAX_FUNCTIONS, MAX_WORKERS
from .queue_reads import backlogs, places
from .reply_errors import WrongType
from .worker_info import parse_about
from .worker_store import reaped


class ExpiredWorker(NamedTuple):
    """A worker whose lease has expired. ``name``: the raw bytes of the list of workers."""

    name: bytes
    lanes: list[str]

    def __str__(self) -> str:
        return text_of(self.name)


class UpkeepStore(FactStore):
    """Upkeep of one namespace by its scheduler."""

    # -- runs -----------------------------------------------------------------------------------

    def scan_runs(self, cursor: str) -> tuple[str, list[bytes]]:
        """Return the next cursor ('0' at the end) and a part of the listed runs."""
        after, flat = self.link.call("ZSCAN", self.keys.runs(), cursor, "COUNT", 200)
        return text_of(after) if isinstance(after, bytes) else str(after), list(flat[::2])

    def forget(self, runs: Sequence[bytes]) -> int:
        """Remove expired runs from the list of runs; return how many."""
        dropped: int = self._fenced("forget", *runs)[1]
        return dropped

    def drop_stale_entries(self, rank: int, limit: int) -> tuple[int, int]:
        """Remove queue entries of finished runs; return (how many, the next rank)."""
        reply = self._fenced("drop_stale_entries", rank, limit)
        return reply[1], reply[2]

    def prune_dead_letters(self, rank: int, count: int) -> tuple[int, int]:
        """Remove entries of tasks that are no longer failed; return (how many, the next rank)."""
        reply = self._fenced("prune_dead_letters", rank, count)
        return reply[1], reply[2]

    # -- workers --------------------------------------------------------------------------------

    def expired_workers(self) -> list[ExpiredWorker]:
        """Return the workers whose lease has expired, with their registered lanes.

        Two round trips. Invalid lanes are left out.
        """
        now = self.redis_now_ms()
        names = self.link.call("ZRANGEBYSCORE", self.keys.workers(), "-inf", now, "LIMIT", 0, 100)
        return [
            ExpiredWorker(name, lane_names(name, lanes))
            for name, lanes in zip(names, self._lanes_of(names), strict=True)
        ]

    def live_workers(self) -> list[str]:
        """Return the ids of the workers whose lease has not been taken from them, without invalid
        ones. A worker that died a moment ago is among them."""
        names = self.link.call("ZRANGE", self.keys.workers(), 0, MAX_WORKERS)
        return [text_of(name) for name in names if is_worker(name)]

    def about_workers(self, workers: Sequence[str]) -> list[WorkerInfo]:
        """Return the descriptions of these workers; one round trip, none without workers."""
        reads = [("HGET", self.keys.worker(worker), "about") for worker in workers]
        about = self.link.batch_each(reads) if reads else []
        return [parse_about(*pair) for pair in zip(workers, about, strict=True)]

    def functions_of(self, apps: Sequence[str]) -> dict[str, frozenset[str]]:
        """Return the functions (ids) of apps; none if they are not recorded, or cannot be read.

        Two round trips per thousand apps.
        """
        functions: dict[str, frozenset[str]] = dict.fromkeys(apps, frozenset())
        for part in in_parts(apps):
            sizes = self.link.batch_each([("SCARD", self.keys.app(app)) for app in part])
            there = [
                app
                for app, size in zip(part, sizes, strict=True)
                if isinstance(size, int) and 0 < size <= MAX_FUNCTIONS
            ]
            reads = [("SMEMBERS", self.keys.app(app)) for app in there]
            for app, ids in zip(there, self.link.batch_each(reads) if reads else (), strict=True):
                if not isinstance(ids, WrongType):  # it was a set a moment ago
                    functions[app] = frozenset(filter(is_id, map(text_of, ids)))
        return functions

    def any_parked(self, ready_lists: Iterable[str]) -> bool:
        """Return whether a list of a function belongs to one of these. One round trip."""
        reads = [("EXISTS", self.keys.parked(name)) for name in ready_lists]
        return 1 in self.link.batch_each(reads) if reads else False

    def reap(
        self, lane: str, most_deaths: int, error: bytes, once: bytes = b""
    ) -> list[tuple[str, int, str]]:
        """Take back the attempts of a lost worker's lane. It is unknown which ones it executed.

        ``once``: the error of at-most-once tasks.
        """
        death = (most_deaths, error, "?", once)
        reply = self._script("reap", lane, self.scheduler, self.term, *death)
        if reply[0] == b"FENCED":
            raise self.lost(self.term)
        return reaped(reply) if reply[0] == b"OK" else []

    def retire(self, worker: bytes, lanes: Sequence[str]) -> bool:
        """Delete a lost worker; return False if it still holds claims."""
        return bool(self._script("retire", worker, *lanes)[0] == b"OK")

    def _lanes_of(self, workers: Sequence[bytes]) -> list[object]:
        prefix = self.keys.worker("").encode()
        return self.link.batch_each([("HGET", prefix + name, "lanes") for name in workers])

    # -- queue entries --------------------------------------------------------------------------

    def listed(self, ready_lists: Iterable[str], without_turns: Container[str] = ()) -> set[str]:
        """Return all entries of these ready lists, of their backlogs and of ``delayed``.

        The lists of single functions are included. Of lists ``without_turns``, their backlogs and
        the lists of single functions are left out: workers of an older release do not find these.
        """
        wanted = set(ready_lists)
        there = {
            place: has_backlogs and base_of(place[0]) not in without_turns
            for place, has_backlogs in places(self.link, self.keys).items()
            if base_of(place[0]) in wanted
            and (place[0] in wanted or base_of(place[0]) not in without_turns)
        }
        turns = backlogs(self.link, self.keys, there)
        reads = [("", self.keys.ready(*place)) for place in there]
        reads += [(f"{turn[2]},", self.keys.backlog(*turn)) for turn in turns]
        all_entries: set[str] = set()
        for run, key in reads:
            (entries,) = self.link.batch_each([("LRANGE", key, 0, -1)])
            if isinstance(entries, list):
                all_entries.update(run + text_of(entry) for entry in entries)
        all_entries.update(map(text_of, self.link.call("ZRANGE", self.keys.delayed(), 0, -1)))
        return all_entries

    def findable(self) -> int:
        """Return how many attempts are in ready lists, ``delayed``, ``parents`` and claims.

        Four round trips, five if there are lists of functions. The count is not atomic: attempts
        move between the round trips.
        """
        there = places(self.link, self.keys)
        workers = self.link.call("ZRANGE", self.keys.workers(), 0, -1)
        queues = [("ZCARD", self.keys.delayed())]
        queues += [("LLEN", self.keys.ready(*place)) for place in there]
        queues += [
            ("LLEN", self.keys.backlog(*turn)) for turn in backlogs(self.link, self.keys, there)
        ]
        claims = [
            ("HLEN", self.keys.claims(lane))
            for name, lanes in zip(workers, self._lanes_of(workers), strict=True)
            for lane in lane_names(name, lanes)
        ]
        waiting, *sizes = self._sizes([("SCARD", self.keys.parents()), *queues, *claims])
        # '#' is a field in the claims of each lane, but not a claim.
        claimed = sum(max(0, size - 1) for size in sizes[len(queues) :])
        return waiting + sum(sizes[: len(queues)]) + claimed

    def _sizes(self, reads: Sequence[Sequence[object]]) -> list[int]:
        """Return sizes of keys, 0 for a key of another type, and for the first one without the
        right to read it, which access rules of older releases do not give.
        """
        try:
            replies = self.link.batch_each(reads)
        except NotPermitted:
            replies = [0, *self.link.batch_each(reads[1:])]
        return [size if isinstance(size, int) else 0 for size in replies]
