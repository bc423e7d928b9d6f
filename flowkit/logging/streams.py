"""Captured standard output and error: what a task prints becomes lines with their attempt.

``CapturedStream`` replaces ``sys.stdout`` or ``sys.stderr``. Its rules:

- Each write reads the printing attempt from the context variable. Outside of attempts (also in a
  thread that a task has started) text passes unchanged. So does everything else: ``.buffer``,
  ``fileno()`` and other attributes are those of the underlying stream.
- A line is reported when it is complete. Text without a line end is held until ``end_lines``, which
  the executors call at the end of an attempt if any has printed (``PRINTED``). Each thread of an
  attempt has separate lines, so two threads cannot mix theirs.
- A line is cut at ``LONGEST_LINE`` characters and continues as the next one, so a task that never
  ends its line uses no more memory. A carriage return restarts the line, as on a terminal: only the
  last state of a progress bar is reported. Empty lines are dropped.
- Code that writes the reported lines does so inside ``passing_through()``. There, all text passes
  unchanged, so reporting a line cannot report another line.

This module determines lines and their attempts. The function given to ``start`` handles them.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..context import attempt_fields

LONGEST_LINE = 16 * 1024
LONGEST_SECRET = 1024  # characters before and behind a cut that are searched for secrets
# A thread that a task left behind may print after the attempt's end, when nothing ends its line.
MOST_HELD = 10_000

Who = tuple[str, str, int]  # run id, task name, attempt
Report = Callable[[Who, str, str], None]  # the attempt, "stdout" or "stderr", the line

_report: Report | None = None
_ended: Callable[[Who], None] | None = None
_is_tee = False
_secrets: re.Pattern[str] | None = None
_lock = threading.Lock()


# For the bytes that bypass a captured stream: what its descriptor is, if that is not the replaced
# stream. "stdout" or "stderr" → stream.
_descriptors: dict[str, TextIO] = {}


def descend(name: str, stream: TextIO) -> None:
    """Let ``buffer`` and ``fileno()`` of a captured stream be those of ``stream`` from now on."""
    _descriptors[name] = stream


class _Busy(threading.local):
    passing: bool = False


_busy = _Busy()


class _Rest:
    """The text of a line that is not complete yet."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> list[str]:
        """Add text; return the lines that it completes."""
        held = 0 if _secrets is None else LONGEST_SECRET
        if "\n" not in text and self._size + len(text) <= LONGEST_LINE + held:
            self._parts.append(text)
            self._size += len(text)
            return []
        *ended, rest = "".join((*self._parts, text)).split("\n")
        lines = [piece for line in ended for piece in pieces_of(_visible(line))]
        if len(rest) > LONGEST_LINE + held:
            *more, rest = pieces_of(_visible(rest), held)
            lines += more
        self._parts, self._size = [rest], len(rest)
        return lines

    def end(self) -> list[str]:
        """Return the remaining text, as lines."""
        return pieces_of(_visible("".join(self._parts)))

    def __bool__(self) -> bool:
        return self._size > 0


# Attempt → (thread, stream) → its incomplete line. Usually empty, which is cheap to check.
HELD: dict[Who, dict[tuple[int, str], _Rest]] = {}
# The attempts that have printed or logged and are not over. Usually empty too.
PRINTED: set[Who] = set()


class CapturedStream:
    """Replaces a standard stream. ``name``: "stdout" or "stderr"."""

    def __init__(self, name: str, beneath: TextIO) -> None:
        self._name = name
        self._beneath = beneath

    def beneath(self) -> TextIO:
        """Return the replaced stream; if it is closed, the original one of the process."""
        own: TextIO | None = sys.__stdout__ if self._name == "stdout" else sys.__stderr__
        closed = getattr(self._beneath, "closed", False)
        return own if closed and own is not None else self._beneath

    def write(self, text: str) -> int:
        """Capture what a task prints, and pass on everything else."""
        attempt = attempt_fields()
        report = _report
        if attempt is None or report is None or _busy.passing:
            return self.beneath().write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        whose = attempt[:3]
        note_printed(whose)
        if _is_tee:
            self.beneath().write(text)
        for line in self._lines(whose, text):
            report(whose, self._name, line)
        if len(HELD) > MOST_HELD:
            _end(_oldest())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of these, as files do: no line ends are added."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "fileno") and self._name in _descriptors:
            return getattr(_descriptors[self._name], name)
        return getattr(self.beneath(), name)

    def __repr__(self) -> str:
        return f"<captured {self._name} over {self._beneath!r}>"

    def _lines(self, whose: Who, text: str) -> list[str]:
        if not text:
            return []
        place = (threading.get_ident(), self._name)
        with _lock:
            rests = HELD.setdefault(whose, {})
            rest = rests.setdefault(place, _Rest())
            lines = rest.add(text)
            if not rest:
                del rests[place]
            if not rests:
                del HELD[whose]
        return lines


def note_printed(whose: Who) -> None:
    """Note that an attempt has printed or logged: its end is reported."""
    if len(PRINTED) > MOST_HELD:  # threads that attempts left behind still print
        PRINTED.clear()
    PRINTED.add(whose)


def end_lines() -> None:
    """Report what the current attempt has printed without a line end, in any of its threads, and
    that there is no more of it.
    """
    attempt = attempt_fields()
    if attempt is None or attempt[:3] not in PRINTED:
        return
    whose = attempt[:3]
    PRINTED.discard(whose)
    if HELD:
        _end(whose)
    if _ended is not None:
        _ended(whose)


def _end(whose: Who) -> None:
    with _lock:
        rests = HELD.pop(whose, {})
    if _report is not None:
        for (_, name), rest in rests.items():
            for line in rest.end():
                _report(whose, name, line)


def _oldest() -> Who:
    with _lock:
        return next(iter(HELD))


@contextmanager
def passing_through() -> Iterator[None]:
    """Within the block, this thread's output passes unchanged."""
    before, _busy.passing = _busy.passing, True
    try:
        yield
    finally:
        _busy.passing = before


def is_started() -> bool:
    """Return whether the streams are captured."""
    return _report is not None


def start(report: Report, ended: Callable[[Who], None] | None = None, *, tee: bool = False) -> None:
    """Capture both streams, if they are not captured. From now on ``report`` gets each line.

    ``ended`` gets each attempt that has printed, when it is over. ``tee``: also pass the text on
    unchanged.
    """
    global _report, _ended, _is_tee
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, CapturedStream):
            setattr(sys, name, CapturedStream(name, stream))
    _report, _ended, _is_tee = report, ended, tee


def stop() -> None:
    """Report incomplete lines and restore the streams. A wrapped stream passes text from now on."""
    global _report, _ended
    for whose in list(HELD):
        _end(whose)
    _report, _ended = None, None
    PRINTED.clear()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, CapturedStream):
            setattr(sys, name, stream.beneath())


def stream_beneath(stream: Any) -> Any:
    """Return the stream itself, or the underlying stream of a captured one."""
    return stream.beneath() if isinstance(stream, CapturedStream) else stream


def _visible(line: str) -> str:
    """Return the part of a line that a terminal would show."""
    return line.rstrip("\r").rpartition("\r")[2]


def keep_whole(secrets: re.Pattern[str] | None) -> None:
    """Cut no line within a match of this pattern from now on: the pieces would show its parts.

    A match of up to ``LONGEST_SECRET`` characters is found.
    """
    global _secrets
    _secrets = secrets


def pieces_of(line: str, held: int = 0) -> list[str]:
    """Cut a line that is too long. ``held``: characters of the last piece, at least.

    The end of a line that is not complete may be the beginning of a secret, so it is held.
    """
    pieces: list[str] = []
    at = 0
    while len(line) - at > LONGEST_LINE + held:
        end = _end_of_piece(line, at)
        pieces.append(line[at:end])
        at = end
    return [*pieces, line[at:]] if at < len(line) else pieces


def _end_of_piece(line: str, start: int) -> int:
    end = start + LONGEST_LINE
    if _secrets is None:
        return end
    first = max(start, end - LONGEST_SECRET)
    for match in _secrets.finditer(line, first, end + LONGEST_SECRET):
        if match.start() < end < match.end():
            return match.start() if match.start() > start else match.end()
    return end


def _forget_parent() -> None:
    """In a forked child: drop incomplete lines, since the parent reports them.

    Another thread may have held the lock; in the child nothing would release it.
    """
    global _lock
    _lock = threading.Lock()
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
