"""Reads of lists: dead letters, live workers, ready lists.

Each item is decoded separately: one that cannot be read becomes a ``DamagedItem`` beside the
others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..core.app_version import is_app_version
from ..core.run_record import Parent
from ..core.states import TaskState
from ..core.worker_info import WorkerInfo
from .bounded_reads import WRONG_KEY, Field, read_in_bounds, read_list, whole
from .decoding import CorruptData, number, run_id, shown, task_number, text_of, worker_id
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
from .queue_reads import backlogs, places
from .records import TaskRecord, parse_record
from .reply_errors import WrongType
from .run_records import dag_name, parse_parent
from .store import Store
from .worker_info import parse_about

DEAD_PART = 200  # dead letters per read


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed for good: the name and graph of its DAG, its record, its packed error.

    ``parent``: the attempt that has called its run, None if none has.
    """

    dag_name: str
    digest: str
    record: TaskRecord
    error: bytes
    parent: Parent | None = None


class DeadEntry(NamedTuple):
    """A dead letter: a task that failed for good, and when (ms)."""

    run: str
    task: int
    failed_ms: int


class ListReads(Store):
    """The reads behind the listings of clients."""

    def read_dead(self, since_ms: int) -> Iterator[Listing[DeadEntry]]:
        """Yield parts of the dead letters, newest first.

        ``since_ms``: the time of the oldest to return. Entries are hints: the records say which
        tasks have failed. One round trip per part. Entries beyond the bound of the list are
        ignored. Raises CorruptData if the key holds a wrong type.
        """
        at, least = 0, str(since_ms)
        while at < MAX_DEAD:
            page = ("LIMIT", at, DEAD_PART)
            words = ("+inf", least, "WITHSCORES", *page)
            flat = read_list(self.link, "ZREVRANGEBYSCORE", self.keys.dead(), *words)
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

        None for a task that has not failed, CorruptData for one with an invalid run or record.
        Two round trips.
        """
        keys = self.keys
        values = read_in_bounds(
            self.link,
            [
                field
                for run, task in entries
                for field in (
                    Field(keys.run(run), "dag", MAX_RUN_FIELD_BYTES),
                    Field(keys.run(run), "graph", MAX_RUN_FIELD_BYTES),
                    Field(keys.tasks(run), task, MAX_RUN_FIELD_BYTES),
                    Field(keys.errors(run), task, MAX_ERROR_BYTES),
                    Field(keys.run(run), "parent", MAX_RUN_FIELD_BYTES),
                )
            ],
        )
        rows = zip(*[iter(values)] * 5, strict=True)
        return [_failure(*row) for row in rows]

    def alive_workers(self) -> Listing[WorkerInfo]:
        """Return the workers whose lease has not expired. Four round trips, two without workers.

        A worker with a damaged description is listed too. An invalid worker id is listed as
        damaged.
        """
        now = self.redis_now_ms()
        key, page = self.keys.workers(), ("LIMIT", 0, MAX_WORKERS)
        listing: Listing[WorkerInfo] = Listing()
        workers: list[str] = []
        try:
            names = self.link.call("ZRANGEBYSCORE", key, f"({now}", "+inf", *page)
        except WrongType:
            return Listing(damaged=[DamagedItem(key, WRONG_KEY)])
        for name in names:
            try:
                workers.append(worker_id(name))
            except CorruptData as error:
                listing.damaged.append(DamagedItem.of(name, error))
        about = read_in_bounds(
            self.link,
            [Field(self.keys.worker(worker), "about", MAX_ABOUT_BYTES) for worker in workers],
        )
        listing += [
            parse_about(worker, description)
            for worker, description in zip(workers, about, strict=True)
        ]
        return listing

    def read_versions(self, run: str, fields: Sequence[str]) -> dict[str, str]:
        """Return the versions of the app in these fields of a run, see ``lua/_lib/versions.lua``.

        Missing and malformed ones are left out. Two round trips.
        """
        key = self.keys.run(run)
        wanted = [Field(key, field, MAX_RUN_FIELD_BYTES) for field in fields]
        versions: dict[str, str] = {}
        for field, value in zip(fields, read_in_bounds(self.link, wanted), strict=True):
            if isinstance(value, bytes):
                version = text_of(value).rpartition("=")[2]
                if is_app_version(version):
                    versions[field] = version
        return versions

    def any_has(self, apps: Collection[str], function: str) -> bool:
        """Return whether one of these apps (ids) has a function (an id). One round trip."""
        reads = [("SISMEMBER", self.keys.app(app), function) for app in sorted(apps)]
        return 1 in self.link.batch_each(reads) if reads else False

    def ready_lists(self) -> dict[str, int]:
        """Return how many attempts wait in each ready list and its backlogs. Three round trips."""
        there = places(self.link, self.keys)
        waiting = dict.fromkeys((name for name, _ in there), 0)
        keys = [(name, self.keys.ready(name, level)) for name, level in there]
        keys += [
            (name, self.keys.backlog(name, level, run))
            for name, level, run in backlogs(self.link, self.keys, there)
        ]
        lengths = self.link.batch_each([("LLEN", key) for _, key in keys])
        for (name, _), length in zip(keys, lengths, strict=True):
            waiting[name] += length if isinstance(length, int) else 0
        return waiting


def _dead_entry(entry: bytes, score: bytes) -> DeadEntry:
    run, _, task = entry.rpartition(b",")
    when = number(score, "the time of a failure")
    if when > MAX_TIME_MS:
        raise CorruptData(f"the time of a failure is in the year 9999 or later: {shown(score)}")
    return DeadEntry(run_id(run), task_number(task), when)


def _failure(
    dag: bytes | CorruptData | None,
    graph: bytes | CorruptData | None,
    record: bytes | CorruptData | None,
    error: bytes | CorruptData | None,
    parent: bytes | CorruptData | None,
) -> Failure | CorruptData | None:
    try:
        name, digest, task = whole(dag), whole(graph), parse_record(whole(record))
        if task.state is not TaskState.FAILED or digest is None:
            return None
        # An error that cannot be read is shown as unreadable.
        packed = b"" if error is None or isinstance(error, CorruptData) else error
        return Failure(dag_name(name), digest_in(digest), task, packed, parse_parent(parent))
    except CorruptData as damage:
        return damage
