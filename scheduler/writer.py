"""The scheduler's write buffer: commands of many runs in few calls, in order.

Commands are collected while facts are read, and flushed together; a call holds at most about 1,000
items. The cursor is written with the last part, so after a crash before it the facts are replayed:
each command is then refused as already done. The order within a run is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.core.states import RunState, TaskState
from flowkit.protocol.decoding import PART
from flowkit.protocol.records import CODE_OF
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Place


class Writer:
    """Collects apply commands."""

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._commands: list[object] = []
        self._items = 0
        self._cursor = ""
        self._refused: list[str] = []

    def begin(self, run: str, digest: str, tasks: int) -> None:
        """Check that a new run is running and has this graph, before up to ``tasks`` of its tasks
        are queued in the same call.
        """
        self._make_room(1, then=tasks)
        self._commands += ("begin", run, digest)

    def queue(self, run: str, place: Place, tasks: Sequence[int], verb: str = "queue") -> None:
        """Queue tasks that share a place. ``verb``: ``line`` if they wait for the run's turn."""
        for at in range(0, len(tasks), PART):
            part = tasks[at : at + PART]
            self._make_room(len(part))
            self._commands += (verb, run, *place, len(part), *part)

    def drop(self, run: str, tasks: Sequence[int]) -> None:
        """Delete results that no task of the run needs any more."""
        for at in range(0, len(tasks), PART):
            part = tasks[at : at + PART]
            self._make_room(len(part))
            self._commands += ("drop", run, len(part), *part)

    def end_map(self, run: str, task: int, state: TaskState, length: int, error: bytes) -> None:
        """End a mapped task that has so many items. ``error``: packed, if it cannot be mapped."""
        self._make_room(1)
        self._commands += ("mapped", run, task, CODE_OF[state], length, error)

    def finish(self, run: str, outcome: RunState, failed: int | None, counts: str) -> None:
        """End a run."""
        self._make_room(1)
        self._commands += ("finish", run, outcome.value, "" if failed is None else failed, counts)

    def progress(self, run: str, counts: str) -> None:
        """Publish the progress of a run."""
        self._make_room(1)
        self._commands += ("progress", run, counts)

    def move_cursor(self, cursor: str) -> None:
        """Set the cursor: all facts up to it have led to the commands collected so far."""
        self._cursor = cursor

    def flush(self) -> None:
        """Write all collected commands. Raises LeaseLost."""
        if self._commands or self._cursor:
            self._write(self._cursor)
            self._cursor = ""

    def discard(self) -> None:
        """Drop what was collected: it belongs to an earlier term."""
        self._commands, self._items, self._cursor, self._refused = [], 0, "", []

    def take_refused(self) -> list[str]:
        """Return the runs whose "begin" was refused since the last call."""
        refused, self._refused = self._refused, []
        return refused

    def _make_room(self, items: int, then: int = 0) -> None:
        if self._items and self._items + items + then > PART:
            self._write("")
        self._items += items

    def _write(self, cursor: str) -> None:
        commands, self._commands, self._items = self._commands, [], 0
        self._refused += self._store.apply(cursor, commands)
