"""The base of all stores: the namespace, the clock override of tests, reads of runs.

``ClientStore``, ``WorkerStore`` and ``SchedulerStore`` add the calls of one role each. A method
takes one round trip unless its docstring says otherwise. All writes go through a script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

from ..core.compiled import CompiledDAG
from ..exceptions import RunLost
from .decoding import CorruptData, Oversized, number
from .graph_file import Allowance
from .graphs import digest_of, unpack_graph, unpack_names
from .items import item_label
from .keys import Keys
from .link import Link
from .records import TaskRecord, parse_record
from .scripts import script

# Many fields are read in parts, small ones first, since one result may be large.
FIRST_PART, LARGEST_PART, PART_BYTES = 16, 1000, 4 * 1024 * 1024

Field = TypeVar("Field", int, str)  # the name of a field of a hash

RESULTS_GONE = (
    "results of run {run!r} are missing in Redis: they were deleted or evicted. Resume the run, "
    "from its first tasks if it has succeeded, to compute them again. Check the memory settings "
    "of that Redis"
)


class Store:
    """Calls on one namespace over one Link. Not thread-safe, as the Link is not."""

    def __init__(
        self, link: Link, namespace: str = "flowkit", *, now_ms: Callable[[], int] | None = None
    ) -> None:
        """``now_ms`` replaces the clock of Redis; only tests pass it."""
        self.link = link
        self.keys = Keys(namespace)
        self._now_ms = now_ms

    def twin(self, name: str) -> Self:
        """Return a store with a separate connection, for another thread. It opens when used."""
        return type(self)(self.link.twin(name), self.keys.namespace, now_ms=self._now_ms)

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
        """Return the stored format of the namespace, None if there is none."""
        stored: bytes | None = self.link.call("GET", self.keys.schema())
        return stored

    def note_schema(self, number: int, *, upgrade: bool) -> bytes:
        """Store a format unless one is stored; ``upgrade`` replaces a lower one. Return the stored
        format."""
        stored: bytes = self._script("schema", number, "1" if upgrade else "0")[1]
        return stored

    # -- reads --------------------------------------------------------------------------------

    def read_graph(self, digest: str) -> CompiledDAG | None:
        """Return a compiled DAG, None if it is not stored. Raises CorruptData."""
        data = self._read_packed_graph(digest)
        return None if data is None else unpack_graph(data)

    def read_task_names(self, digest: str, allowance: Allowance) -> list[str]:
        """Return the names of the tasks in a graph, none if it is not stored.

        The bytes read are subtracted from ``allowance``. Raises CorruptData.
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
        """Return the runs that are not in Redis; one round trip per thousand."""
        existing: list[int] = []
        for at in range(0, len(runs), LARGEST_PART):
            part = runs[at : at + LARGEST_PART]
            existing += self.link.batch([("EXISTS", self.keys.run(run)) for run in part])
        return [run for run, exists in zip(runs, existing, strict=True) if not exists]

    def read_records(self, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        """Return the records of these tasks; one round trip per thousand."""
        return [parse_record(data) for data in self._read_fields(self.keys.tasks(run), tasks)]

    def read_results(self, run: str, tasks: Sequence[int]) -> Iterator[bytes | None]:
        """Yield the packed results of these tasks, None for a task without one.

        They are read in parts that adapt to their size, so that large results do not fill the
        memory. Raises RunLost for a missing result, if results of this run were lost.
        """

        def read(part: Sequence[int]) -> list[bytes | None]:
            results, whole = self._results_of(run, part)
            if None in results and not whole:
                # The reads are not atomic: a resume in between looks like a loss. Retry once.
                results, whole = self._results_of(run, part)
                if None in results and not whole:
                    raise RunLost(run, RESULTS_GONE.format(run=run))
            return results

        return _in_adapting_parts(read, tasks, FIRST_PART)

    def _results_of(self, run: str, tasks: Sequence[int]) -> tuple[list[bytes | None], bool]:
        """Return these results, and whether Redis has all results that the run has stored.

        The number of stored results is read first: while the run is running, both numbers grow.
        """
        key = self.keys.results(run)
        stored = ("HGET", self.keys.run(run), "kept")
        kept, results, there = self.link.batch([stored, ("HMGET", key, *tasks), ("HLEN", key)])
        return results, there >= number(kept or b"0", f"the number of results of run {run}")

    def read_errors(self, run: str, tasks: Sequence[int]) -> list[bytes | None]:
        """Return the packed last errors of these tasks."""
        return list(self._read_fields(self.keys.errors(run), tasks))

    def read_labels(self, run: str, dag: CompiledDAG, numbers: Sequence[int]) -> list[str]:
        """Return the labels of these tasks and items, "" for those without one.

        Nothing is read if the DAG makes no labels.
        """
        places = [dag.label_number(number) for number in numbers]
        fields = {f"{place}=": "" for place in places if place is not None}
        if fields:
            read = self._read_fields(self.keys.inputs(run), list(fields))
            fields = dict(zip(fields, map(item_label, read), strict=True))
        return ["" if place is None else fields[f"{place}="] for place in places]

    def _read_fields(self, key: str, fields: Sequence[Field]) -> Iterator[bytes | None]:
        def read(part: Sequence[Field]) -> list[bytes | None]:
            values: list[bytes | None] = self.link.call("HMGET", key, *part)
            return values

        return _in_adapting_parts(read, fields, LARGEST_PART)

    def ms_before(self, seconds: float | None) -> int | None:
        """Return the time of Redis that was ``seconds`` ago, None for None."""
        return None if seconds is None else self.redis_now_ms() - round(seconds * 1000)

    def redis_now_ms(self) -> int:
        """Return the time of Redis, which all deadlines refer to."""
        if self._now_ms is not None:
            return self._now_ms()
        seconds, micros = self.link.call("TIME")
        return int(seconds) * 1000 + int(micros) // 1000


def _in_adapting_parts(
    read: Callable[[Sequence[Field]], Sequence[bytes | None]], fields: Sequence[Field], part: int
) -> Iterator[bytes | None]:
    """Read many fields, ``part`` of them at first, then more or fewer depending on their size.

    Raises Oversized for a field that exceeds the size of a reply.
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
