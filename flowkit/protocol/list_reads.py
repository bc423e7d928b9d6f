"""Reading lists: runs, tasks that failed for good, live workers, ready lists.

Others can write to Redis too, so each item is read by itself: one that is malformed, of another
type or too long becomes a ``DamagedItem`` beside the others, and is never transferred whole. Sizes
are asked for first: a field of 60 MB is damage, not something to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.states import RunState, TaskState
from .decoding import CorruptData, levels_of, number, run_id, shown, task_number, worker_id
from .decoding import digest as digest_in
from .decoding import pairs as in_pairs
from .limits import (
    MAX_ABOUT_BYTES,
    MAX_DEAD,
    MAX_ERROR_BYTES,
    MAX_RUN_FIELD_BYTES,
    MAX_TIME_MS,
    MAX_WORKERS,
)
from .listings import DamagedItem, Listing
from .records import TaskRecord, parse_record
from .reply_errors import WrongType
from .run_records import FIELDS, RunRecord, dag_name, parse_run
from .store import Store
from .worker_info import WorkerInfo, parse_about

RUNS_PART = 100  # runs that are read at once
DEAD_PART = 200  # entries of the list of dead tasks that are read at once
WRONG_KEY = "its key holds another kind of value"


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that has failed for good: its DAG's name and graph, its record, its packed error."""

    dag_name: str
    digest: str
    record: TaskRecord
    error: bytes


class DeadEntry(NamedTuple):
    """An entry of the list of tasks that failed for good, and when (ms) this one did."""

    run: str
    task: int
    failed_ms: int


class Field(NamedTuple):
    """A field of a hash, and the most bytes that it may have."""

    key: str
    name: object
    longest: int


class ListReads(Store):
    """Reads for listings of what Redis holds."""

    def read_runs(self, limit: int, state: RunState | None = None) -> Listing[RunRecord]:
        """Return the newest runs, newest first; two round trips per hundred looked at.

        At most ``limit`` damaged ones are listed besides. Raises CorruptData if the key of the list
        holds another type of value.
        """
        found: Listing[RunRecord] = Listing()
        at, part = 0, min(limit, RUNS_PART)
        while len(found) < limit:
            names = self._list("ZREVRANGE", self.keys.runs(), at, at + part - 1)
            at += len(names)
            read = self._read_named_runs(names)
            found.damaged += read.damaged
            found += [run for run in read if state is None or run.state is state]
            found.cut(limit)  # now: of damaged ones there may be millions
            if len(names) < part:
                break
            part = RUNS_PART
        return found

    def _read_named_runs(self, names: Sequence[bytes]) -> Listing[RunRecord]:
        found: Listing[RunRecord] = Listing()
        runs: list[tuple[bytes, str]] = []
        for name in names:
            try:
                runs.append((name, run_id(name)))
            except CorruptData as error:
                found.damaged.append(DamagedItem.of(name, error))
        fields = [
            Field(self.keys.run(run), one, MAX_RUN_FIELD_BYTES) for _, run in runs for one in FIELDS
        ]
        values = self._read_fields_in_bounds(fields)
        for at, (name, run) in enumerate(runs):
            row = values[at * len(FIELDS) : (at + 1) * len(FIELDS)]
            try:
                if any(value is not None for value in row):  # else its TTL is over
                    found.append(parse_run(run, [_whole(value) for value in row]))
            except CorruptData as error:
                found.damaged.append(DamagedItem.of(name, error))
        return found

    def read_dead(self, since_ms: int) -> Iterator[Listing[DeadEntry]]:
        """Yield parts of the list of tasks that failed for good, newest first.

        ``since_ms``: the oldest to look for. They are hints: the records say what has failed. One
        round trip per part. What others add beyond the bound of the list is left out. Raises
        CorruptData if the key holds another type of value.
        """
        at, least = 0, str(since_ms)
        while at < MAX_DEAD:
            page = ("LIMIT", at, DEAD_PART)
            words = ("+inf", least, "WITHSCORES", *page)
            flat = self._list("ZREVRANGEBYSCORE", self.keys.dead(), *words)
            part: Listing[DeadEntry] = Listing()
            for entry, score in in_pairs(flat):
                try:
                    part.append(_dead_entry(entry, score))
                except CorruptData as error:
                    part.damaged.append(DamagedItem.of(entry, error))
            yield part
            at += len(flat) // 2
            if len(flat) // 2 < DEAD_PART:
                return

    def read_failures(
        self, entries: Sequence[tuple[str, int]]
    ) -> list[Failure | CorruptData | None]:
        """Return what is known of failed tasks.

        None for one that has not failed, CorruptData for one
        whose run or record cannot be read. Two trips.
        """
        keys = self.keys
        values = self._read_fields_in_bounds(
            [
                field
                for run, task in entries
                for field in (
                    Field(keys.run(run), "dag", MAX_RUN_FIELD_BYTES),
                    Field(keys.run(run), "graph", MAX_RUN_FIELD_BYTES),
                    Field(keys.tasks(run), task, MAX_RUN_FIELD_BYTES),
                    Field(keys.errors(run), task, MAX_ERROR_BYTES),
                )
            ]
        )
        rows = zip(*[iter(values)] * 4, strict=True)
        return [_failure(*row) for row in rows]

    def alive_workers(self) -> Listing[WorkerInfo]:
        """Return the workers whose lease has not run out. Four round trips, or two for none.

        A worker whose description is damaged is listed too; an invalid id of a worker is listed as
        damaged.
        """
        now = self.redis_now_ms()
        key, page = self.keys.workers(), ("LIMIT", 0, MAX_WORKERS)
        found: Listing[WorkerInfo] = Listing()
        workers: list[str] = []
        try:
            names = self.link.call("ZRANGEBYSCORE", key, f"({now}", "+inf", *page)
        except WrongType:
            return Listing(damaged=[DamagedItem(key, WRONG_KEY)])
        for name in names:
            try:
                workers.append(worker_id(name))
            except CorruptData as error:
                found.damaged.append(DamagedItem.of(name, error))
        about = self._read_fields_in_bounds(
            [Field(self.keys.worker(worker), "about", MAX_ABOUT_BYTES) for worker in workers]
        )
        found += [parse_about(worker, one) for worker, one in zip(workers, about, strict=True)]
        return found

    def ready_lists(self) -> dict[str, int]:
        """Return how many entries wait in each ready list. Two round trips."""
        lists = levels_of(self.link.call("HGETALL", self.keys.levels()))
        ready = [(name, self.keys.ready(name, level)) for name, known in lists for level in known]
        waiting = dict.fromkeys((name for name, _ in ready), 0)
        lengths = self.link.batch_each([("LLEN", key) for _, key in ready])
        for (name, _), length in zip(ready, lengths, strict=True):
            waiting[name] += length if isinstance(length, int) else 0
        return waiting

    def _list(self, command: str, key: str, *words: object) -> list[bytes]:
        try:
            found: list[bytes] = self.link.call(command, key, *words)
        except WrongType:
            raise CorruptData(
                f"the list {key!r} in Redis is damaged: {WRONG_KEY}. See who else can write to "
                "that Redis, and delete the key"
            ) from None
        return found

    def _read_fields_in_bounds(self, fields: Sequence[Field]) -> list[bytes | CorruptData | None]:
        """Return the values of these fields; CorruptData for one that is too long or of a key of
        another type. Two round trips, the second for what is there.
        """
        sizes: list[Any] = self.link.batch_each([("HSTRLEN", key, name) for key, name, _ in fields])
        wanted: dict[str, list[int]] = {}
        for at, size in enumerate(sizes):
            if not isinstance(size, WrongType) and 0 < size <= fields[at].longest:
                wanted.setdefault(fields[at].key, []).append(at)
        commands = [("HMGET", key, *(fields[at].name for at in ats)) for key, ats in wanted.items()]
        read: dict[int, bytes | None] = {}
        for ats, values in zip(wanted.values(), self.link.batch_each(commands), strict=True):
            if not isinstance(values, WrongType):  # it was a hash a moment ago
                read.update(zip(ats, values, strict=True))
        return [
            read[at] if at in read else _unread(field, size)
            for at, (field, size) in enumerate(zip(fields, sizes, strict=True))
        ]


def _unread(field: Field, size: Any) -> CorruptData | None:
    if isinstance(size, WrongType):
        return CorruptData(WRONG_KEY)
    return CorruptData(f"its field {field.name} has {size} bytes") if size else None


def _whole(value: bytes | CorruptData | None) -> bytes | None:
    """Return a value that could be read. Raises CorruptData."""
    if isinstance(value, CorruptData):
        raise value
    return value


def _dead_entry(entry: bytes, score: bytes) -> DeadEntry:
    run, _, task = entry.rpartition(b",")
    when = number(score, "the time of a failure")
    if when > MAX_TIME_MS:
        raise CorruptData(
            f"the time of a failure is in no year that a calendar has: {shown(score)}"
        )
    return DeadEntry(run_id(run), task_number(task), when)


def _failure(
    dag: bytes | CorruptData | None,
    graph: bytes | CorruptData | None,
    record: bytes | CorruptData | None,
    error: bytes | CorruptData | None,
) -> Failure | CorruptData | None:
    try:
        name, digest, task = _whole(dag), _whole(graph), parse_record(_whole(record))
        if task.state is not TaskState.FAILED or digest is None:
            return None
        # An error that cannot be read is shown as such.
        packed = b"" if error is None or isinstance(error, CorruptData) else error
        return Failure(dag_name(name), digest_in(digest), task, packed)
    except CorruptData as damage:
        return damage
