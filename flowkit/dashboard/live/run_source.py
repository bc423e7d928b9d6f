"""A run as something that is watched: all of it at first, then what has changed in each task.

A change has, for each task that differs, its number and then names of fields with their new values:
``[12, "states", "s", "took", 300]``. The fields are those of ``RunColumns`` with one value for each
task. The other fields, and the header, come as a whole if they differ.

While no task can move on its own, only the record of the run is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...client.documents.document import to_mapping
from ...client.documents.make_columns import columns_document
from ...client.documents.make_header import Headers
from ...client.run_handle import RunHandle
from ...core.run_record import RunRecord
from .source import Told

PER_TASK = ("states", "attempts", "queued", "waited", "took", "lanes")
WHOLE = ("workers", "cached", "errors", "progress", "items")
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
    """A run. ``handle``: returns it, and raises if it cannot; it is called in a reading."""

    seconds = 1.0

    def __init__(self, handle: Callable[[], RunHandle]) -> None:
        self._open = handle
        self._handle: RunHandle | None = None
        self._headers: Headers | None = None

    def read(self, before: Reading | None) -> Reading:
        """Return the run as it is now, ``before`` if nothing has changed."""
        handle = self._handle = self._handle or self._open()
        record = handle.record()
        if before is not None and record == before.record and not before.moves:
            return before
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


def _same(header: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two headers say the same. The page counts the seconds down itself."""
    return {**header, "left": None} == {**other, "left": None}
