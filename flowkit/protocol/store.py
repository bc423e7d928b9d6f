"""What every store call shares: the namespace, the clock override of tests, reads of runs.

``ClientStore``, ``WorkerStore`` and ``SchedulerStore`` add the calls of one role each. A method is
one round trip unless its docstring says otherwise, and writes go through a script, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..core.compiled import CompiledDAG
from ..exceptions import RunLost
from .decoding import CorruptData, Oversized, number
from .graph_file import Allowance
from .graphs import digest_of, unpack_graph, unpack_names
from .keys import Keys
from .link import Link
from .records import TaskRecord, parse_record
from .scripts import script

# Reads of many fields go in parts: small at first, since one result may be large.
FIRST_PART, LARGEST_PART, PART_BYTES = 16, 1000, 4 * 1024 * 1024

RESULTS_GONE = (
    "results of run {run!r} are gone from Redis: deleted or evicted. Resume the run, from its "
    "first tasks if it has succeeded: what is missing is made again. And look at the memory "
    "settings of that Redis"
)


class Store:
    """Calls on one namespace over one Link. Not thread-safe, as the Link is not."""

    def __init__(
        self, link: Link, namespace: str = "flowkit", *, now_ms: Callable[[], int] | None = None
    ) -> None:
        """``now_ms`` replaces Redis' own clock; only tests give it."""
        self.link = link
        self.keys = Keys(namespace)
        self._now_ms = now_ms

    def close(self) -> None:
        """Close the connection."""
        self.link.close()

    def _script(self, name: str, *args: object) -> list[Any]:
        now = "" if self._now_ms is None else self._now_ms()
        reply: list[Any] = self.link.script(script(name), self.keys.prefix, (now, *args))
        return reply

    def _scripts(self, name: str, calls: Sequence[Sequence[object]]) -> list[Any]:
        """Run one script several times in one round trip."""
        now = "" if self._now_ms is None else self._now_ms()
        return self.link.scripts(script(name), self.keys.prefix, [(now, *args) for args in calls])

    def read_schema(self) -> bytes | None:
        """Return the format of the namespace as it stands there, None if nobody has noted it."""
        found: bytes | None = self.link.call("GET", self.keys.schema())
        return found

    def note_schema(self, number: int, *, upgrade: bool) -> bytes:
        """Note a format unless one is noted, or with ``upgrade`` a lower one; return what stands
        there then."""
        found: bytes = self._script("schema", number, "1" if upgrade else "0")[1]
        return found

    # -- reads --------------------------------------------------------------------------------

    def read_graph(self, digest: str) -> CompiledDAG | None:
        """Return a compiled DAG, None if it is not stored. Raises CorruptData."""
        data = self._read_packed_graph(digest)
        return None if data is None else unpack_graph(data)

    def read_task_names(self, digest: str, allowance: Allowance) -> list[str]:
        """Return the names of the tasks in a graph, none if it is not stored.

        What is read is taken off ``allowance``. Raises CorruptData.
        """
        data = self._read_packed_graph(digest)
        return [] if data is None else unpack_names(data, allowance)

    def _read_packed_graph(self, digest: str) -> bytes | None:
        data: bytes | None = self.link.call("GET", self.keys.graph(digest))
        if data is not None and digest_of(data) != digest:
            raise CorruptData(
                f"graph {digest[:12]} in Redis is damaged: its content does not match"
            )
        return data

    def missing(self, runs: Sequence[str]) -> list[str]:
        """Return those of these runs that Redis has nothing of; one round trip per thousand."""
        found: list[int] = []
        for at in range(0, len(runs), LARGEST_PART):
            part = runs[at : at + LARGEST_PART]
            found += self.link.batch([("EXISTS", self.keys.run(run)) for run in part])
        return [run for run, exists in zip(runs, found, strict=True) if not exists]

    def read_records(self, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        """Return the records of these tasks; one round trip per thousand."""
        return [parse_record(data) for data in self._read_fields(self.keys.tasks(run), tasks)]

    def read_results(self, run: str, tasks: Sequence[int]) -> Iterator[bytes | None]:
        """Yield the packed results of these tasks, None where there is none.

        Read in parts that adapt to their size, so that large results never fill memory at once.
        Raises RunLost for one that is not there, if results of this run are gone.
        """

        def read(part: Sequence[int]) -> list[bytes | None]:
            found, whole = self._results_of(run, part)
            if None in found and not whole:
                # What was asked is not one step: a resume in between looks like a loss. Once.
                found, whole = self._results_of(run, part)
                if None in found and not whole:
                    raise RunLost(run, RESULTS_GONE.format(run=run))
            return found

        return _in_adapting_parts(read, tasks, FIRST_PART)

    def _results_of(self, run: str, tasks: Sequence[int]) -> tuple[list[bytes | None], bool]:
        """Return these results, and whether all are there that the run has stored.

        How many it has stored is asked first: while it goes on both numbers only grow.
        """
        key = self.keys.results(run)
        stored = ("HGET", self.keys.run(run), "kept")
        kept, found, there = self.link.batch([stored, ("HMGET", key, *tasks), ("HLEN", key)])
        return found, there >= number(kept or b"0", f"the number of results of run {run}")

    def read_errors(self, run: str, tasks: Sequence[int]) -> list[bytes | None]:
        """Return the packed last errors of these tasks."""
        return list(self._read_fields(self.keys.errors(run), tasks))

    def _read_fields(self, key: str, fields: Sequence[int]) -> Iterator[bytes | None]:
        def read(part: Sequence[int]) -> list[bytes | None]:
            found: list[bytes | None] = self.link.call("HMGET", key, *part)
            return found

        return _in_adapting_parts(read, fields, LARGEST_PART)

    def redis_now_ms(self) -> int:
        """Return the time that all deadlines are measured by: Redis' own."""
        if self._now_ms is not None:
            return self._now_ms()
        seconds, micros = self.link.call("TIME")
        return int(seconds) * 1000 + int(micros) // 1000


def _in_adapting_parts(
    read: Callable[[Sequence[int]], Sequence[bytes | None]], fields: Sequence[int], part: int
) -> Iterator[bytes | None]:
    """Read many fields, ``part`` of them at first, then as many as are no burden.

    Raises Oversized for one that is larger than a reply may be.
    """
    at = 0
    while at < len(fields):
        asked = fields[at : at + part]
        try:
            values = read(asked)
        except Oversized:
            if len(asked) == 1:
                raise
            part = len(asked) // 2
            continue
        at += part
        yield from values
        size = sum(len(value) for value in values if value is not None)
        if size * 2 < PART_BYTES:
            part = min(part * 2, LARGEST_PART)
        elif size > PART_BYTES:
            part = max(part // 2, 1)
