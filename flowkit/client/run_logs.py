"""Reading what the tasks of a run printed and logged.

Workers store lines in chunks, each of one attempt. A chunk is stored when its attempt has ended or
after half a second, so lines of several tasks that run at the same time come in groups. Lines of
one attempt are always in order. Line numbers tell how many lines of an attempt are missing, and
that a chunk was stored twice.

The lines of an attempt may reach Redis a moment after its outcome. So the reader of a run that has
just ended looks again until ``SETTLE_S`` after the end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ..arguments import check_since
from ..basics.log_level import LogLevel
from ..basics.log_line import LogLine
from ..clock import SYSTEM_CLOCK
from ..core.compiled import CompiledDAG
from ..core.states import RUN_OVER
from ..exceptions import NotPermitted
from ..protocol.client_store import ClientStore
from ..protocol.log_chunks import LogChunk, id_before, read_chunks, read_chunks_back

SETTLE_S = 1.0
POLL_S = 0.3
CHUNK_COST = 256  # bytes that a chunk counts for in addition to its lines
MOST_PLACES = 100_000  # attempts on lanes whose next line is known


class Shard(Protocol):
    """The connection to a shard, as this module needs it."""

    def run_store(self, run_id: str) -> AbstractContextManager[ClientStore]:
        """Lock the connection for calls about one run."""
        ...


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines to read. ``task``: a mapped task means its items too. ``level``: at least.
    ``since``: seconds since 1970.
    """

    task: int | None = None
    attempt: int | None = None
    level: int = 0
    since: float = 0.0

    def takes(self, line: LogLine) -> bool:
        """Return whether a line is wanted, as far as its level and time go."""
        return line.level >= self.level and line.time >= self.since


class LogCursor:
    """A place in the lines of one run. ``next_part`` reads from there."""

    def __init__(
        self,
        shard: Shard,
        run_id: str,
        graph: Callable[[], CompiledDAG],
        query: LogQuery,
        *,
        follow: bool,
        after: str = "",
    ) -> None:
        """``graph`` returns the compiled DAG of the run; it is called once.

        ``after``: the ``position`` of another cursor, to begin there. Whether lines are missing
        before the first ones is unknown then.
        """
        self._shard = shard
        self._run_id = run_id
        self._read_graph = graph
        self._query = query
        self._follow = follow
        self._after = after
        self._is_from_start = not after
        self._next: dict[tuple[int, int, str, int], int] = {}
        self._dag: CompiledDAG | None = None
        self._labels: dict[int, str] = {}
        self.is_over = False
        self.has_moved = False

    def skip_to_last(self, lines: int, most_bytes: int | None = None) -> bool:
        """Move a cursor that has read nothing to about the last ``lines`` wanted lines.

        The cursor begins at a chunk, so it may return more lines than that. It looks through at
        most ``most_bytes`` of stored lines, or all if None. Returns whether there may be earlier
        lines. A user with the access rules of an older release may not read backwards: the cursor
        stays at the beginning.

        Raises RunNotFound, RunDamaged, RunLost.
        """
        self._dag = dag = self._dag or self._read_graph()
        found, looked, before, first, newest = 0, 0, "", "", ""
        while found < lines and (most_bytes is None or looked < most_bytes):
            with self._shard.run_store(self._run_id) as store:
                try:
                    chunks, before = read_chunks_back(store, self._run_id, before)
                except NotPermitted:
                    return False
            for chunk in chunks:
                newest = newest or chunk.id
                looked += len(chunk.data) + CHUNK_COST
                wanted = self._count(chunk) if found < lines and self._takes(dag, chunk) else 0
                found += wanted
                first = chunk.id if wanted else first
            if not before:
                break
        if found < lines and not before:
            return False
        self._after = id_before(first) if first else newest
        self._is_from_start = not self._after
        return True

    def skip_to_bytes(self, most_bytes: int) -> bool:
        """Move a cursor that has read nothing to about the last ``most_bytes`` of stored lines.

        Nothing is decoded for it. Returns whether there are earlier lines. A user with the access
        rules of an older release may not read backwards: the cursor stays at the beginning.
        """
        looked, before = 0, ""
        while looked < most_bytes:
            with self._shard.run_store(self._run_id) as store:
                try:
                    chunks, before = read_chunks_back(store, self._run_id, before)
                except NotPermitted:
                    return False
            looked += sum(len(chunk.data) + CHUNK_COST for chunk in chunks)
            if not before:
                return False
        self._after = id_before(before)
        self._is_from_start = False
        return True

    def _count(self, chunk: LogChunk) -> int:
        """Return how many records of a chunk have a wanted level and time."""
        query = self._query
        records = chunk.records()
        return sum(r.level >= query.level and r.time_ms >= query.since * 1000 for r in records)

    def next_part(self) -> list[LogLine]:
        """Return the next lines, maybe none. ``is_over`` says afterwards whether that was all.

        Raises RunNotFound, RunDamaged, RunLost.
        """
        self._dag = dag = self._dag or self._read_graph()
        with self._shard.run_store(self._run_id) as store:
            run = store.read_run(self._run_id)
            now_ms = store.redis_now_ms()
            chunks, after = read_chunks(store, self._run_id, self._after)
            chunks = [chunk for chunk in chunks if self._takes(dag, chunk)]
            self._read_labels(store, dag, {chunk.task for chunk in chunks})
        if after == self._after:
            ended = run.state in RUN_OVER
            settled = run.finished_ms is None or now_ms - run.finished_ms > SETTLE_S * 1000
            self.is_over = (ended and settled) or not (ended or self._follow)
        self.has_moved, self._after = after != self._after, after
        return [line for chunk in chunks for line in self._lines(dag, chunk)]

    @property
    def position(self) -> str:
        """The id of the last chunk that was read, "" before the first."""
        return self._after

    @property
    def pause(self) -> float:
        """Seconds to wait before the next part, unless the last one has moved the cursor."""
        return POLL_S if self._follow else SETTLE_S / 10

    def _takes(self, dag: CompiledDAG, chunk: LogChunk) -> bool:
        query = self._query
        if not dag.is_valid(chunk.task) or query.attempt not in (None, chunk.attempt):
            return False
        return query.task in (None, chunk.task, dag.numbering.node(chunk.task))

    def _read_labels(self, store: ClientStore, dag: CompiledDAG, tasks: Collection[int]) -> None:
        """Read the labels that are not known. An item has none until its first attempt ends."""
        unknown = [task for task in tasks if task not in self._labels]
        labels = zip(unknown, store.read_labels(self._run_id, dag, unknown), strict=True)
        if len(self._labels) > MOST_PLACES:
            self._labels.clear()
        self._labels.update((task, label) for task, label in labels if label)

    def _lines(self, dag: CompiledDAG, chunk: LogChunk) -> Iterator[LogLine]:
        query = self._query
        place = (chunk.task, chunk.attempt, chunk.lane, chunk.generation)
        expected = self._next.get(place, 1 if self._is_from_start else chunk.first)
        missing = max(0, chunk.first - expected)
        if len(self._next) > MOST_PLACES:
            del self._next[next(iter(self._next))]
        self._next[place] = max(expected, chunk.first + chunk.count)
        for record in chunk.records():
            if record.number < expected:
                continue  # the chunk was stored twice
            line = LogLine(
                time=record.time_ms / 1000,
                level=record.level,
                task=dag.task_name(chunk.task),
                attempt=chunk.attempt,
                stream=record.stream,
                text=record.text,
                missing=missing,
                number=record.number,
                label=self._labels.get(chunk.task, ""),
            )
            if query.takes(line):
                missing = 0
                yield line


class Tail:
    """Holds back the lines that are stored now, and lets the last ``tail`` of them and all later
    ones pass. Without a ``tail``, all pass.
    """

    def __init__(self, tail: int | None) -> None:
        """Raises TypeError or ValueError for what is no number of lines."""
        self._last: deque[LogLine] | None = None
        if check_number("tail", tail) is not None:
            self._last = deque(maxlen=tail)

    def of(self, lines: Iterable[LogLine], cursor: LogCursor) -> Iterable[LogLine]:
        """Return the lines that pass. ``lines``: the part that the cursor has just returned."""
        if self._last is None:
            return lines
        self._last.extend(lines)
        if cursor.has_moved:
            return ()
        lines, self._last = self._last, None
        return lines


def read_logs(
    cursor: LogCursor, *, tail: int | None = None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[LogLine]:
    """Yield the lines from a cursor. ``tail``: only the last ones of those that are stored now."""
    stored = Tail(tail)
    if tail is not None:
        cursor.skip_to_last(tail)
    while True:
        yield from stored.of(cursor.next_part(), cursor)
        if cursor.has_moved:
            continue
        if cursor.is_over:
            return
        sleep(cursor.pause)


def log_query(
    task: int | None, attempt: int | None, level: int | str | None, since: float | None
) -> LogQuery:
    """Return a query. ``since``: seconds before now. Raises TypeError, ValueError."""
    ago = check_since(since)
    first = 0.0 if ago is None else SYSTEM_CLOCK.wall() - ago
    return LogQuery(task, check_number("attempt", attempt), level_number(level), first)


def level_number(level: int | str | None) -> int:
    """Return the number of a level; 0 for None. Raises ValueError for an unknown name."""
    if level is None:
        return 0
    if isinstance(level, int) and not isinstance(level, bool):
        return int(level)
    known = {**LogLevel.__members__, "CRITICAL": 50}
    if isinstance(level, str) and level.strip().upper() in known:
        return int(known[level.strip().upper()])
    raise ValueError(f"{level!r} is no level: use one of {', '.join(known)}, or a number")


def check_number(name: str, value: int | None) -> int | None:
    """Return a number from 1 on, or None. Raises TypeError, ValueError."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value
