"""Reading the records of one child's output pipe: see ``output_pipe`` for their grammar.

A task can write anything into the pipe, so every byte is checked. The first bad one ends the logs
of that child (``GarbledOutput``); the pipe is still drained, so no task waits. Consecutive lines
of one attempt are taken together by one regular expression, since a Python loop would be the most
expensive step for a task that prints a lot: 0.4 µs per line of 100 bytes instead of 2 µs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flowkit.core.lanes import LANE
from flowkit.protocol.keys import RUN_ID

from .attempt_log import AttemptLog, Place
from .output_pipe import MAX_RECORD

MOST_REFS = 20_000  # attempts that one child announces and does not end
MOST_DROPPED = 10**9
MOST_EARLY = 1024 * 1024  # bytes of lines that wait for their attempt

_BEGINNING = re.compile(rb"([A-Z])([1-9][0-9]{0,8}) ")
_ANNOUNCED = re.compile(rf"([^,]+),(0|[1-9][0-9]{{0,6}}),([1-9][0-9]{{0,8}}),({LANE})")
# Consecutive lines of one attempt: the first one captures the beginning of all others.
_LINES = re.compile(
    rb"(L[1-9][0-9]{0,8} )[0-9]{13} [0-9]{2}[oelpOELP] [^\n]{0,4096}\n"
    rb"(?:\1[0-9]{13} [0-9]{2}[oelpOELP] [^\n]{0,4096}\n)*"
)


class GarbledOutput(ValueError):
    """What was read is no record."""


class FrameReader:
    """Turns the bytes of one child's pipe into lines of attempts."""

    def __init__(
        self,
        lanes: tuple[str, str],
        log_of: Callable[[Place], AttemptLog],
        *,
        from_start: bool = True,
    ) -> None:
        """``lanes``: of the child. ``log_of`` returns the log of an attempt.

        ``from_start``: whether this reads all that the child has written. Otherwise another
        collector has read the beginning, and lines wait here until their attempt is announced
        again.
        """
        self._early: dict[int, bytes] | None = None if from_start else {}
        self._early_bytes = 0
        self._lanes = lanes
        self._log_of = log_of
        self._logs: dict[int, AttemptLog] = {}
        self._rest = b""
        self.has_filter = False  # whether the app filters lines

    def feed(self, data: bytes) -> None:
        """Read some bytes. Raises GarbledOutput."""
        if self._rest:
            data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if len(self._rest) > MAX_RECORD:
            raise GarbledOutput(f"a record of more than {MAX_RECORD} bytes")
        at = 0
        while at < end:
            head = _BEGINNING.match(data, at)
            if head is None:
                raise GarbledOutput(f"{data[at : at + 40]!r}")
            kind, ref = head[1], int(head[2])
            if kind == b"L":
                at = self._lines(data, at, ref)
                continue
            stop = data.index(b"\n", at)
            self._other(kind.decode("ascii"), ref, data[head.end() : stop])
            at = stop + 1

    def _lines(self, data: bytes, at: int, ref: int) -> int:
        """Take the lines of one attempt that begin at ``at``; return where they end."""
        log = self._logs.get(ref)
        if log is None and self._early is None:
            raise GarbledOutput(f"lines of attempt {ref}, which was not announced")
        match = _LINES.match(data, at)
        if match is None:
            raise GarbledOutput(f"{data[at : at + 40]!r}")
        prefix = match[1]
        records = match[0][len(prefix) :].replace(b"\n" + prefix, b"\n")
        if log is not None:
            log.add(records)
        elif self._early is not None and self._early_bytes < MOST_EARLY:
            self._early_bytes += len(records)
            self._early[ref] = self._early.get(ref, b"") + records
        return match.end()

    def _other(self, kind: str, ref: int, payload: bytes) -> None:
        if kind == "A":
            self._announce(ref, payload)
            return
        if kind == "F":
            self.has_filter = payload == b"1"
            return
        if kind == "E" and self._early and ref in self._early:
            self._announce(ref, payload)
        log = self._logs.get(ref)
        if log is None and self._early is not None:
            return
        if log is None:
            raise GarbledOutput(f"a record of attempt {ref}, which was not announced")
        if kind == "E":
            log.is_over = True
            del self._logs[ref]
        elif kind == "D":
            if not payload.isdigit() or len(payload) > 10 or int(payload) > MOST_DROPPED:
                raise GarbledOutput(f"a number of lines: {payload[:40]!r}")
            log.skip(int(payload))
        else:
            raise GarbledOutput(f"a record of the unknown kind {kind!r}")

    def _announce(self, ref: int, payload: bytes) -> None:
        fields = _ANNOUNCED.fullmatch(payload.decode("ascii", "replace"))
        if fields is None or not RUN_ID.fullmatch(fields[1]) or fields[4] not in self._lanes:
            raise GarbledOutput(f"an attempt: {payload[:40]!r}")
        if len(self._logs) >= MOST_REFS:
            del self._logs[next(iter(self._logs))]
        place = Place(fields[1], int(fields[2]), int(fields[3]), fields[4])
        log = self._logs[ref] = self._log_of(place)
        log.is_over = False  # what it printed before belongs to its condition, for example
        if self._early and ref in self._early:
            early = self._early.pop(ref)
            self._early_bytes -= len(early)
            log.add(early)
