"""A run as something that is watched: all of it at first, then what has changed in each task.

A change has, for each task that differs, its number and then names of fields with their new values:
``[12, "states", "s", "took", 300]``. The fields are those of ``RunColumns`` with one value for each
task. The other fields, and the header, come as a whole if they differ.

Only the record of the run is read while no task can move on its own and the explanation of the run
is not old, and between two readings of all tasks, which take at most a ``SHARE`` of a core. The
header has the counts of the record then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...client.documents.document import to_mapping
from ...client.documents.make_columns import columns_document
from ...client.documents.make_header import Headers
from ...client.run_handle import RunHandle
from ...core.run_record import RunRecord
from ...core.states import RunState
from .source import SHARE, Told

PER_TASK = ("states", "attempts", "queued", "waited", "took", "lanes")
WHOLE = ("workers", "cached", "errors", "progress", "items", "retried")
_MOVING = frozenset("qrw")  # a worker or the time may change these, and the record stays as it is


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading. ``record``: as it was just before the tasks were read."""

    record: RunRecord
    header: Mapping[str, Any]
    columns: Mapping[str, Any]

    @property
    def moves(self) -> bool:
        """Whether a task may change without a change of the record."""
        return not _MOVING.isdisjoint(self.columns["states"])


class RunSource:
    """A run. ``handle``: returns it, and raises if it cannot; it is called in a reading.

    ``share``: the next reading of all tasks waits this many times the time of a core it took.
    """

    seconds = 1.0
    rest = 0.0

    def __init__(self, handle: Callable[[], RunHandle], share: float = SHARE) -> None:
        self._open = handle
        self._share = share
        self._due = 0.0
        self._handle: RunHandle | None = None
        self._headers: Headers | None = None

    def read(self, before: Reading | None) -> Reading:
        """Return the run as it is now, ``before`` if nothing has changed."""
        handle = self._handle = self._handle or self._open()
        record = handle.record()
        if before is not None:
            if record == before.record and not before.moves and not self._is_old:
                return before
            if record.state is RunState.RUNNING and time.monotonic() < self._due:
                return _counted(before, record)
        began = time.thread_time()
        reading = self._read_tasks(handle, record, before)
        self._due = time.monotonic() + self._share * (time.thread_time() - began)
        return reading

    @property
    def _is_old(self) -> bool:
        return self._headers is not None and self._headers.is_old

    def _read_tasks(self, handle: RunHandle, record: RunRecord, before: Reading | None) -> Reading:
        self._headers = self._headers or Headers(handle)
        status = handle.status()
        workers = () if before is None else before.columns["workers"]
        columns = to_mapping(columns_document(status, workers))
        header = to_mapping(self._headers.of(status))
        if before is not None and columns == before.columns and _same(header, before.header):
            columns, header = before.columns, before.header
            return before if record == before.record else Reading(record, header, columns)
        return Reading(record, header, columns)

    def whole(self, state: Reading) -> Told:
        """Return header and columns."""
        return {"header": state.header, "columns": state.columns}

    def change(self, before: Reading, state: Reading) -> Told:
        """Return what differs."""
        told: Told = {}
        if not _same(before.header, state.header):
            told["header"] = state.header
        if tasks := changed_tasks(before.columns, state.columns):
            told["tasks"] = tasks
        for name in WHOLE:
            if before.columns[name] != state.columns[name]:
                told[name] = state.columns[name]
        return told


def changed_tasks(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[list[object]]:
    """Return the tasks that differ: the number of each, then fields with their values."""
    changed: dict[int, list[object]] = {}
    for name in PER_TASK:
        old, new = before[name], now[name]
        if old == new:
            continue
        for task, (was, value) in enumerate(zip(old, new, strict=True)):
            if was != value:
                changed.setdefault(task, [task]).extend((name, value))
    return [changed[task] for task in sorted(changed)]


def _counted(before: Reading, record: RunRecord) -> Reading:
    """Return a reading with the counts of a newer record.

    The scheduler counts running tasks as queued ones. ``record`` stays that of the tasks.
    """
    status, queued = before.header["status"], record.counts.get("queued", 0)
    running = min(status["counts"].get("running", 0), queued)
    known = {**record.counts, "queued": queued - running, "running": running}
    counts = {state: count for state, count in known.items() if count}
    if not record.counts or counts == status["counts"]:
        return before
    changed = {"counts": counts, "total": max(status["total"], record.total)}
    header = {**before.header, "status": {**status, **changed, "stopping": record.stopping}}
    return replace(before, header=header)


def _same(header: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two headers say the same. The page counts the seconds down itself."""
    return {**header, "left": None} == {**other, "left": None}
