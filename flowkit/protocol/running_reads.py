"""Which tasks of a run are running, read from the claims of live workers.

The records of a run say it too, but there are as many records as tasks. There are only as many
claims as workers can execute, so this is what a view that is refreshed reads. A claim is written in
the same step as the record; an attempt that a worker has claimed and not begun yet is among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .bounded_reads import Field, read_in_bounds, read_list
from .decoding import is_worker, lane_names
from .decoding import pairs as in_pairs
from .limits import MAX_LANE, MAX_LANES
from .store import Store

MOST_WORKERS = 1000  # of which lanes are read
MOST_LANES = 4000  # of all workers together
MOST_CLAIMS = 5000  # of one lane
_PART = 500  # lanes in one round trip


class RunningReads(Store):
    """Reads claims."""

    def read_lanes(self) -> tuple[list[str], bool]:
        """Return the lanes of live workers, and whether these are all. Four round trips.

        What cannot be read is left out. Raises CorruptData if the key of the workers is damaged.
        """
        now, page = self.redis_now_ms(), ("LIMIT", 0, MOST_WORKERS)
        names = read_list(self.link, "ZRANGEBYSCORE", self.keys.workers(), f"({now}", "+inf", *page)
        workers = [name for name in names if is_worker(name)]
        fields = [
            Field(self.keys.worker(name.decode()), "lanes", MAX_LANES * MAX_LANE)
            for name in workers
        ]
        values = read_in_bounds(self.link, fields)
        lanes = [
            lane
            for name, value in zip(workers, values, strict=True)
            for lane in lane_names(name, value)
        ]
        return lanes[:MOST_LANES], len(names) < MOST_WORKERS and len(lanes) <= MOST_LANES

    def read_claimed(self, run: str, lanes: Sequence[str]) -> list[int]:
        """Return the tasks of a run that these lanes hold. Two round trips per 500 lanes."""
        tasks: list[int] = []
        for at in range(0, len(lanes), _PART):
            keys = [self.keys.claims(lane) for lane in lanes[at : at + _PART]]
            sizes = self.link.batch_each([("HLEN", key) for key in keys])
            held = [
                key
                for key, size in zip(keys, sizes, strict=True)
                if isinstance(size, int) and 1 < size <= MOST_CLAIMS  # one is the call number
            ]
            if held:
                for claims in self.link.batch_each([("HGETALL", key) for key in held]):
                    if isinstance(claims, list):
                        tasks += _tasks_of(run, claims)
        return tasks


def _tasks_of(run: str, claims: list[bytes]) -> list[int]:
    begins = f"{run},".encode()
    numbers = (name[len(begins) :] for name, _ in in_pairs(claims) if name.startswith(begins))
    return [int(number) for number in numbers if number.isdigit() and len(number) <= 7]
