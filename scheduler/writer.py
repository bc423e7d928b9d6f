"""The scheduler's write buffer: commands of many runs in few calls, in order.

Commands are gathered while events are read and flushed together; a call holds at most about 1,000
items. The cursor travels with the last part, so a crash before it replays the events: every
command is then refused as already done. Order within a run is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.states import RunState
from ..protocol.decoding import PART
from ..protocol.scheduler_store import SchedulerStore
from .active import Place


class Writer:
    """Gathers apply commands."""

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._commands: list[object] = []
        self._items = 0
        self._cursor = ""
        self._refused: list[str] = []

    def begin(self, run: str, digest: str, tasks: int) -> None:
        """Have it looked up whether a new run is running, and of this graph, before up to
        ``tasks`` tasks of it are queued in the same call.
        """
        self._make_room(1, then=tasks)
        self._commands += ("begin", run, digest)

    def queue(self, run: str, place: Place, tasks: Sequence[int]) -> None:
        """Queue tasks of one place."""
        for at in range(0, len(tasks), PART):
            part = tasks[at : at + PART]
            self._make_room(len(part))
            self._commands += ("queue", run, *place, len(part), *part)

    def finish(self, run: str, outcome: RunState, failed: int | None, counts: str) -> None:
        """End a run."""
        self._make_room(1)
        self._commands += ("finish", run, outcome.value, "" if failed is None else failed, counts)

    def progress(self, run: str, counts: str) -> None:
        """Publish how far a run is."""
        self._make_room(1)
        self._commands += ("progress", run, counts)

    def move_cursor(self, cursor: str) -> None:
        """Note that all events up to this one have led to what was gathered so far."""
        self._cursor = cursor

    def flush(self) -> None:
        """Write everything. Raises LeaseLost."""
        if self._commands or self._cursor:
            self._write(self._cursor)
            self._cursor = ""

    def take_refused(self) -> list[str]:
        """Return the runs that could not begin since this was asked last."""
        refused, self._refused = self._refused, []
        return refused

    def _make_room(self, items: int, then: int = 0) -> None:
        if self._items and self._items + items + then > PART:
            self._write("")
        self._items += items

    def _write(self, cursor: str) -> None:
        commands, self._commands, self._items = self._commands, [], 0
        self._refused += self._store.apply(cursor, commands)
