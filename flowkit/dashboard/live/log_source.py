"""The lines of a run as something that is watched: the last ones first, then new ones.

An event has at most ``MOST_TOLD`` lines and about ``MOST_TEXT`` characters of them; when more come
between two readings, the older ones are left out, and ``skipped`` says how many.

A watch begins at the newest lines. It looks through at most ``MOST_BYTES`` of stored lines for
those that fit; ``earlier`` says that there may be others before them, whose number is unknown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...basics.log_line import LogLine
from ...client.documents.document import to_mapping
from ...client.documents.make_logs import line_document
from ...client.run_handle import RunHandle
from ...client.run_logs import LogCursor, log_query
from .source import SHARE, Told

KEPT = 1_000  # the lines that a page gets when it comes
MOST_TOLD = 500
MOST_TEXT = 100_000
LONGEST = 10_000  # characters of one line
MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class LogState:
    """A reading. ``kept``: the last lines. ``new``: how many of them the last reading added.
    ``count``: of all lines so far. ``over``: the run is over, and no line comes any more.
    """

    kept: Sequence[LogLine]
    new: int
    count: int
    over: bool


class LogSource:
    """The lines of a run. ``open_run``: returns it, and raises if it cannot."""

    seconds = 1.0
    rest = SHARE

    def __init__(
        self,
        open_run: Callable[[], RunHandle],
        task: str | None = None,
        attempt: int | None = None,
        level: str | None = None,
    ) -> None:
        self._open, self._task, self._attempt, self._level = open_run, task, attempt, level
        self._run_id = ""
        self._cursor: LogCursor | None = None
        self._earlier = False

    def read(self, before: LogState | None) -> LogState:
        """Return the lines that are there now, ``before`` if there are no new ones."""
        cursor = self._cursor
        if cursor is None:  # at first, and after an error: that took lines with it
            cursor, before = self._at_start(), None
        self._cursor = None
        kept = deque(before.kept if before else (), maxlen=KEPT)
        new = _read_on(cursor, kept)
        self._cursor = cursor
        if before is not None and not new and before.over == cursor.is_over:
            return before
        count = new + (before.count if before else 0)
        return LogState(tuple(kept), new, count, cursor.is_over)

    def _at_start(self) -> LogCursor:
        handle = self._open()
        self._run_id = handle.run_id
        number = None if self._task is None else handle.task_number(self._task)
        query = log_query(number, self._attempt, self._level, None)
        cursor = handle.log_cursor(query, follow=True)
        self._earlier = cursor.skip_to_last(KEPT, MOST_BYTES)
        return cursor

    def whole(self, state: LogState) -> Told:
        """Return the last lines."""
        told = self._told(state.kept, state.count, over=state.over)
        return {"all": True, "earlier": self._earlier, **told}

    def change(self, before: LogState, state: LogState) -> Told:
        """Return the new lines."""
        new = state.kept[-state.new :] if state.new else ()
        return self._told(new, state.new, over=state.over)

    def _told(self, lines: Sequence[LogLine], count: int, *, over: bool) -> Told:
        """Return the last of these lines. ``count``: how many there would be."""
        items: list[dict[str, Any]] = []
        room = MOST_TEXT
        for line in reversed(lines[-MOST_TOLD:]):
            document = dict(to_mapping(line_document(self._run_id, line)))
            text = line.text[:LONGEST]
            document["text"] = text if len(text) == len(line.text) else text + "…"
            room -= len(text) + 100
            if room < 0 and items:
                break
            items.append(document)
        items.reverse()
        return {"items": items, "skipped": count - len(items), "over": over}


def _read_on(cursor: LogCursor, kept: deque[LogLine]) -> int:
    """Read all lines that there are now, and return their number."""
    new = 0
    while True:
        lines = cursor.next_part()
        kept.extend(lines)
        new += len(lines)
        if not cursor.has_moved:
            return new
