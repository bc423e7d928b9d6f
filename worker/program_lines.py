"""The collector's side of the output of programs and C code: bytes become lines of attempts.

``program_output`` says how bytes are attributed. A line is written to the log of the worker too, as
what a task prints is, at most ``MOST_LOGGED`` lines a second of one child: writing a line takes
longer than reading it, and a program must not wait for that. Bytes that belong to no attempt are
passed on unchanged to the worker's standard output.

While the app has registered a function with ``add_log_filter``, lines of programs are dropped and
counted as missing. The function runs in the child only, so it cannot see them.
"""

from __future__ import annotations

import logging
import mmap
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress

from flowkit.clock import SYSTEM_CLOCK
from flowkit.logging.records import log_line
from flowkit.logging.streams import LONGEST_SECRET, pieces_of
from flowkit.logging.task_lines import clean, is_filtered
from flowkit.protocol.keys import RUN_ID

from .attempt_log import AttemptLog, Place
from .execution_slots import SLOT_BYTES, Executing, read_slot
from .program_output import LONGEST_MARK

MOST_LOGGED = 500
LONGEST_LINE = 16 * 1024  # bytes, as ``streams`` cuts what Python code prints
MOST_NAMES = 1000
_SYNC_SLOT = 0
_MARK = re.compile(
    rb"\0([0-9a-f]{1,64}) ([A-Za-z0-9_.:\-]{1,128}),(0|[1-9][0-9]{0,6}),([1-9][0-9]{0,8})"
    rb"!?(?:\|\|\|([^\0]{0,1000}))?\0"
)


class ProgramLines:
    """The output of programs of one child."""

    def __init__(
        self,
        lanes: tuple[str, str],
        token: str,
        slots: int,
        log_of: Callable[[Place], AttemptLog],
        logger: logging.Logger,
        *,
        output: int = 1,
    ) -> None:
        """``slots``: the descriptor of the child's execution slots, which is closed. ``output``:
        the descriptor for bytes that belong to no attempt.
        """
        self._lane = lanes[0]
        self._log_of = log_of
        self._logger = logger
        self._output = output
        self._memory = mmap.mmap(slots, SLOT_BYTES, prot=mmap.PROT_READ)
        os.close(slots)
        self._token = token.encode()
        self._start = f"\0{token} ".encode()
        self._held = b""  # what may be the beginning of a mark
        self._rest = b""  # of a line
        self._current: Place | None = None
        self._names: dict[tuple[str, int], str] = {}
        self._logged_since, self._logged = 0.0, 0
        self.has_filter = False

    def executing(self) -> Place | None:
        """Return the sync attempt that executes. Ask before reading: see ``program_output``."""
        executing = read_slot(self._memory, _SYNC_SLOT)
        return None if executing is None else self._place(executing)

    def _place(self, executing: Executing) -> Place:
        place = Place(executing.run, executing.task, executing.attempt, self._lane)
        self._note_name(place, executing.name)
        return place

    def _note_name(self, place: Place, name: str) -> None:
        if name:
            if len(self._names) > MOST_NAMES:
                self._names.clear()
            self._names[place.run, place.task] = name

    def feed(self, data: bytes, executing: Place | None) -> None:
        """Take bytes that were read. ``executing``: the attempt that executed before."""
        data, at = self._held + data, 0
        for mark in _MARK.finditer(data) if self._start in data else ():
            run = mark[2].decode("ascii")
            if mark[1] == self._token and RUN_ID.fullmatch(run):
                place = Place(run, int(mark[3]), int(mark[4]), self._lane)
                self._note_name(place, (mark[5] or b"").decode("utf-8", "replace"))
                self._take(data[at : mark.start()], place)
                self._end(place)
                at = mark.end()
                executing = self.executing()
        cut = data.rfind(b"\0", max(at, len(data) - LONGEST_MARK))
        is_held = cut >= 0 and self._start.startswith(data[cut : cut + len(self._start)])
        self._held = data[cut:] if is_held else b""
        self._take(data[at:cut] if is_held else data[at:], executing)

    def end(self) -> None:
        """The child is dead: what it wrote last is complete."""
        held, self._held = self._held, b""
        self._take(held, self._current or self.executing())
        self._end_line()
        self._memory.close()

    def pass_on(self, data: bytes) -> None:
        """Pass on bytes that belong to no attempt."""
        with suppress(OSError):
            os.write(self._output, data)

    # -- lines ----------------------------------------------------------------------------------

    def _take(self, data: bytes, place: Place | None) -> None:
        if not data:
            return
        if place != self._current:
            self._end_line()
            self._current = place
        if place is None:
            self.pass_on(data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            line, self._rest = _cut(self._rest)
            lines += [line] if line else []
        self._add(place, lines)

    def _end(self, place: Place) -> None:
        """The attempt is over."""
        if self._current == place:
            self._end_line()
            self._current = None
        self._log_of(place).is_over = True

    def _end_line(self) -> None:
        rest, self._rest = self._rest, b""
        if rest and self._current is not None:
            self._add(self._current, [rest])

    def _add(self, place: Place, lines: list[bytes]) -> None:
        log = self._log_of(place)
        if self.has_filter:
            log.skip(len(lines))
            return
        lines = [line for line in lines if line]
        if not lines:
            return
        head = f"{SYSTEM_CLOCK.wall_ms():013d} 20p ".encode()
        if not is_filtered() and _is_simple(lines):
            for line in lines[: self._left_to_log()]:
                self._log(place, line.decode("ascii"))
            log.add(head + (b"\n" + head).join(lines) + b"\n")
            return
        records: list[bytes] = []
        for line in lines:
            text = clean(_visible(line))
            if not text:
                continue
            self._log(place, text)
            data = text.encode("utf-8", "backslashreplace").replace(b"\n", b"\xff")
            for at in range(0, len(data), LONGEST_LINE):
                start = head if not at else head.replace(b"p", b"P")
                records.append(start + data[at : at + LONGEST_LINE] + b"\n")
        if records:
            log.add(b"".join(records))

    def _left_to_log(self) -> int:
        """Return how many lines may be logged now, and one more, which says that there are more."""
        if time.monotonic() - self._logged_since >= 1.0:
            return MOST_LOGGED + 1
        return max(0, MOST_LOGGED + 1 - self._logged)

    def _log(self, place: Place, text: str) -> None:
        """Write a line to the log of the worker, unless there are too many."""
        now = time.monotonic()
        if now - self._logged_since >= 1.0:
            self._logged_since, self._logged = now, 0
        self._logged += 1
        if self._logged > MOST_LOGGED + 1:
            return
        if self._logged > MOST_LOGGED:
            text = f"(more than {MOST_LOGGED} lines in a second: flowkit logs {place.run})"
        name = self._names.get((place.run, place.task), f"task {place.task}")
        whose = place.run, name, place.attempt
        log_line(self._logger, whose, {"worker": self._lane}, "output", text)


def _cut(line: bytes) -> tuple[bytes, bytes]:
    """Return what to take of a long line that is not complete, and what may begin a secret."""
    if not is_filtered():
        return line, b""
    exact = "surrogateescape"
    *taken, held = pieces_of(line.decode("utf-8", exact), LONGEST_SECRET)
    return "".join(taken).encode("utf-8", exact), held.encode("utf-8", exact)


def _visible(line: bytes) -> str:
    """Return the part of a line that a terminal would show."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")


def _is_simple(lines: list[bytes]) -> bool:
    """Return whether lines are records as they are. Most are, and then no line is handled alone:
    0.2 µs instead of 3 µs for each, which counts for a program that writes 100,000 in a second.
    """
    block = b"".join(lines)
    return block.isascii() and b"\r" not in block and max(map(len, lines)) <= LONGEST_LINE
