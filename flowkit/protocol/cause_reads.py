"""Reads that explain why a run does not proceed: leases, lanes, ready lists, functions of apps.

Other programs can write to Redis too, so all reads are bounded, and an item that cannot be read is
left out: an explanation says what is known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from .bounded_reads import Field, read_in_bounds, read_list
from .decoding import CorruptData, lane_names, number, run_id, task_number, worker_id
from .decoding import pairs as in_pairs
from .limits import MAX_LANE, MAX_WORKERS
from .queue_reads import list_lengths
from .store import Store

MOST_LANES = 1000  # of which claims are counted
MOST_NAMED = 20  # of which claims are read
MOST_CLAIMS = 100  # of a lane whose claims are read


class ListDepth(NamedTuple):
    """How many attempts a ready list holds at a level, with its backlogs."""

    ready_list: str
    level: str
    depth: int


class HeldByLane(NamedTuple):
    """A lane: how many attempts it holds, and some of them (run, task number)."""

    lane: str
    held: int
    some: tuple[tuple[str, int], ...]


class CauseReads(Store):
    """The reads behind explanations. One round trip each, unless it says otherwise."""

    def expired_leases(self, now_ms: int) -> dict[str, int]:
        """Return the workers whose lease has expired, and when (ms)."""
        page = ("WITHSCORES", "LIMIT", 0, MAX_WORKERS)
        words = ("-inf", str(now_ms), *page)
        expired: dict[str, int] = {}
        try:
            flat = read_list(self.link, "ZRANGEBYSCORE", self.keys.workers(), *words)
        except CorruptData:
            return {}
        for name, score in in_pairs(flat):
            try:
                expired[worker_id(name)] = number(score, "the end of a lease")
            except CorruptData:
                continue
        return expired

    def lanes_of(self, workers: Sequence[str]) -> dict[str, tuple[HeldByLane, ...]]:
        """Return what the lanes of workers hold. Four round trips.

        At most ``MOST_LANES`` lanes are counted; workers beyond that are left out. The attempts of
        the first ``MOST_NAMED`` lanes that hold some are named.
        """
        longest = (MAX_LANE + 1) * MOST_LANES
        fields = [Field(self.keys.worker(worker), "lanes", longest) for worker in workers]
        by_worker: dict[str, list[str]] = {}
        total = 0
        for worker, text in zip(workers, read_in_bounds(self.link, fields), strict=True):
            lanes = lane_names(worker.encode(), text)
            total += len(lanes)
            if total > MOST_LANES:
                break
            by_worker[worker] = lanes
        every = [lane for lanes in by_worker.values() for lane in lanes]
        sizes = self.link.batch_each([("HLEN", self.keys.claims(lane)) for lane in every])
        # Each claims hash has the number of the last call too.
        held = {
            lane: max(0, size - 1) if isinstance(size, int) else 0
            for lane, size in zip(every, sizes, strict=True)
        }
        some = self._named([lane for lane in every if 0 < held[lane] <= MOST_CLAIMS][:MOST_NAMED])
        return {
            worker: tuple(HeldByLane(lane, held[lane], some.get(lane, ())) for lane in lanes)
            for worker, lanes in by_worker.items()
        }

    def _named(self, lanes: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
        replies = self.link.batch_each([("HGETALL", self.keys.claims(lane)) for lane in lanes])
        return {
            lane: tuple(_claimed(flat)) if isinstance(flat, list) else ()
            for lane, flat in zip(lanes, replies, strict=True)
        }

    def list_depths(self) -> list[ListDepth]:
        """Return how many attempts wait where workers claim from. Three round trips."""
        lists, _ = list_lengths(self.link, self.keys)
        return [
            ListDepth(item.ready_list, item.level, item.length) for item in lists if item.length > 0
        ]

    def which_have(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of these pairs of an app and a function (ids) where the app has it."""
        some = sorted(pairs)
        reads = [("SISMEMBER", self.keys.app(app), function) for app, function in some]
        replies = self.link.batch_each(reads)
        return {pair for pair, reply in zip(some, replies, strict=True) if reply == 1}


def _claimed(flat: Sequence[bytes]) -> list[tuple[str, int]]:
    """Decode the names in a claims hash, without the call number and without invalid ones."""
    claimed: list[tuple[str, int]] = []
    for name in flat[::2]:
        run, _, task = name.rpartition(b",")
        try:
            claimed.append((run_id(run), task_number(task)))
        except CorruptData:
            continue
    return claimed
