"""Chunks of lines that tasks printed, in the stream ``run:<id>:logs``: format and reading.

An entry of the stream has two fields. ``t`` says what it is of: ``task,attempt,lane,first,count``,
with the numbers of its first record in the attempt and of its records. If the log collector of the
worker was replaced, ``,generation`` follows, and the numbers begin at 1 again. ``d`` holds the
records, one per line: ``1764508800123 20o TEXT``. These are the time (ms), the level (two digits),
the stream (o stdout, e stderr, l log record, p a program), and the text. A capital letter of the
stream continues the text of the record before it. A line feed within a text is the byte ``0xFF``.

Anyone who can write to this Redis can write such an entry, so it is read strictly: what does not
fit is left out. A text may hold anything; code that shows it in a terminal escapes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core.lanes import LANE
from .bounded_reads import LAST_ENTRY
from .limits import LOG_CHUNKS_READ, MAX_LANE, MAX_LOG_CHUNK_BYTES, MAX_LOG_LINES
from .store import Store

STREAM_LETTERS = {"o": "stdout", "e": "stderr", "l": "log", "p": "output"}

_ABOUT = re.compile(
    rb"(0|[1-9][0-9]{0,6}),([1-9][0-9]{0,8}),(%s),([1-9][0-9]{0,9}),([1-9][0-9]{0,6})"
    rb"(?:,([1-9][0-9]{0,6}))?" % LANE.encode()
)
_RECORD = re.compile(rb"([0-9]{13}) ([0-9]{2})([oelpOELP]) (.*)", re.DOTALL)
_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line. ``number``: of its first record in the attempt."""

    number: int
    time_ms: int
    level: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Some consecutive lines of one attempt on one lane. ``first``, ``count``: of its records."""

    id: str
    task: int
    attempt: int
    lane: str
    first: int
    count: int
    data: bytes
    generation: int = 0

    def records(self) -> list[LogRecord]:
        """Return its lines, without damaged ones."""
        lines: list[LogRecord] = []
        parts: list[bytes] = []
        for offset, line in enumerate(self.data.split(b"\n")[: self.count]):
            match = _RECORD.fullmatch(line)
            if match is None:
                continue
            letter = match[3].decode("ascii")
            if letter.isupper() and lines:
                parts.append(match[4])
                continue
            _join(lines, parts)
            stream = STREAM_LETTERS[letter.lower()]
            number = self.first + offset
            lines.append(LogRecord(number, int(match[1]), int(match[2]), stream, ""))
            parts = [match[4]]
        _join(lines, parts)
        return lines


def _join(lines: list[LogRecord], parts: Sequence[bytes]) -> None:
    """Give the last line its text."""
    if lines and parts:
        last = lines[-1]
        text = b"".join(parts).replace(b"\xff", b"\n").decode("utf-8", "replace")
        lines[-1] = LogRecord(last.number, last.time_ms, last.level, last.stream, text)


def parse_chunk(entry: Any) -> LogChunk | None:
    """Decode an entry of the stream, None if it is damaged."""
    match entry:
        case [bytes() as name, [b"t", bytes() as about, b"d", bytes() as data, *_]]:
            pass  # a newer release may add fields
        case _:
            return None
    if len(about) > 128 + MAX_LANE or len(data) > MAX_LOG_CHUNK_BYTES or not _ID.fullmatch(name):
        return None
    fields = _ABOUT.fullmatch(about)
    if fields is None or len(fields[3]) > MAX_LANE:
        return None
    groups = fields.groups(default=b"0")
    task, attempt, lane, first, count, generation = (field.decode("ascii") for field in groups)
    if int(first) > MAX_LOG_LINES:
        return None
    return LogChunk(
        name.decode("ascii"),
        int(task),
        int(attempt),
        lane,
        int(first),
        int(count),
        data,
        int(generation),
    )


def read_chunks(store: Store, run: str, after: str = "") -> tuple[list[LogChunk], str]:
    """Return the next chunks of a run, in one round trip, and the id of the last entry read.

    ``after``: the id that the call before returned, "" for the beginning. The id stays the same if
    there are no more. Damaged entries are left out.
    """
    if after == LAST_ENTRY:
        return [], after
    start = f"({after}" if after else "-"
    key = store.keys.logs(run)
    entries = store.link.call("XRANGE", key, start, "+", "COUNT", LOG_CHUNKS_READ)
    chunks = [chunk for entry in entries if (chunk := parse_chunk(entry)) is not None]
    return chunks, _last_id(entries, after)


def read_chunks_back(store: Store, run: str, before: str = "") -> tuple[list[LogChunk], str]:
    """Return earlier chunks of a run, newest first, in one round trip, and the id of the last
    entry read.

    ``before``: the id that the call before returned, "" for the end of the stream. The id is "" if
    there are no earlier entries. Damaged entries are left out.
    """
    end = f"({before}" if before else "+"
    key = store.keys.logs(run)
    entries = store.link.call("XREVRANGE", key, end, "-", "COUNT", LOG_CHUNKS_READ)
    chunks = [chunk for entry in entries if (chunk := parse_chunk(entry)) is not None]
    return chunks, _last_id(entries, "") if len(entries) == LOG_CHUNKS_READ else ""


def id_before(entry: str) -> str:
    """Return the greatest id that is smaller than the id of an entry; "" for the first of all."""
    ms, _, count = entry.partition("-")
    if int(count) > 0:
        return f"{ms}-{int(count) - 1}"
    return f"{int(ms) - 1}-{2**64 - 1}" if int(ms) > 0 else ""


def _last_id(entries: Sequence[Any], after: str) -> str:
    for entry in reversed(entries):
        if isinstance(entry, list) and entry and isinstance(entry[0], bytes):
            return entry[0].decode("ascii", "replace")
    return after
