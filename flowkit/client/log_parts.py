"""Reading the lines of a run in parts, for programs that keep nothing between two parts.

A cursor is text: the id of a chunk, and how many lines after it the caller has: ``ID+COUNT``. The
same cursor returns the same lines again, as long as Redis keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..basics.log_line import LogLine
from .run_logs import LogCursor

MOST_PARTS = 8  # chunks that a filter may leave out are read until then
MOST_ID = 2**64 - 1  # of each part of an id
_CURSOR = re.compile(r"(?:([0-9]{1,20}-[0-9]{1,20})(?:\+|\Z))?([0-9]{1,7})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogPart:
    """Some lines of a run. ``cursor``: for the next part. ``more``: there may be more lines now."""

    lines: list[LogLine]
    cursor: str
    more: bool


def read_log_part(make_cursor: Callable[[str], LogCursor], cursor: str, limit: int) -> LogPart:
    """Return at most ``limit`` lines. ``make_cursor`` makes a cursor at the id of a chunk.

    A part may have no lines although there are more: the filter left out all that were read.
    Raises ValueError for a cursor of another form.
    """
    position, skipped = _parse(cursor)
    reader = make_cursor(position)
    for _ in range(MOST_PARTS):
        lines = reader.next_part()[skipped:]
        if len(lines) > limit:
            return LogPart(lines[:limit], _text(position, skipped + limit), more=True)
        if lines or not reader.has_moved:
            return LogPart(lines, _text(reader.position, 0), more=reader.has_moved)
        position, skipped = reader.position, 0
    return LogPart([], _text(position, 0), more=True)


def _parse(cursor: str) -> tuple[str, int]:
    match = _CURSOR.fullmatch(cursor)
    numbers = (match[1] or "0").split("-") if match else ()
    if match is None or any(int(number) > MOST_ID for number in numbers):
        raise ValueError(f"{cursor[:60]!r} is no cursor: use the one of the part before")
    return match[1] or "", int(match[2] or 0)


def _text(position: str, skipped: int) -> str:
    return f"{position}+{skipped}" if position and skipped else position or str(skipped or "")
