"""Standard output and error while they are captured: what a task prints becomes lines that know
their attempt.

``CapturedStream`` stands in the place of ``sys.stdout`` or ``sys.stderr``. Its rules:

- Which attempt is printing is asked of the context variable at each write. Outside of attempts
  (also in a thread that a task started by itself) text goes on untouched, as does what is no text:
  ``.buffer``, ``fileno()`` and all else are those of the stream beneath.
- A line is told when it is complete; what has no line end is held until ``end_lines``, which the
  executors call at an attempt's end if anything is held at all (``HELD``). Each thread of an
  attempt has lines of its own, so two threads cannot mix theirs.
- A line is cut at ``LONGEST_LINE`` characters and goes on as the next one, so a task that never
  ends its line costs no memory. A carriage return starts a line anew, as on a terminal: of a
  progress bar the last state is told. Empty lines are left out.
- Whoever writes the told lines does so inside ``passing_through()``: then everything goes on
  untouched, so that telling a line cannot tell another.

This module decides what a line is and whose. What becomes of it is up to ``start(tell)``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from .context import attempt_fields

LONGEST_LINE = 16 * 1024
# A thread that a task left behind may print after the attempt's end, when nobody ends its line.
MOST_HELD = 10_000

Who = tuple[str, str, int]  # run id, task name, attempt
Tell = Callable[[Who, str, str], None]  # whose, "stdout" or "stderr", the line

_tell: Tell | None = None
_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


# A thread may hold the lock while another one forks; in the copy nothing would release it.
os.register_at_fork(after_in_child=_renew_lock)


class _Busy(threading.local):
    passing: bool = False


_busy = _Busy()


class _Rest:
    """What has been printed of a line so far."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def add(self, text: str) -> list[str]:
        """Take more text; return the lines that are complete with it."""
        if "\n" not in text and self._size + len(text) <= LONGEST_LINE:
            self._parts.append(text)
            self._size += len(text)
            return []
        *ended, rest = "".join((*self._parts, text)).split("\n")
        lines = [piece for line in ended for piece in _pieces(_visible(line))]
        if len(rest) > LONGEST_LINE:
            *more, rest = _pieces(_visible(rest))
            lines += more
        self._parts, self._size = [rest], len(rest)
        return lines

    def end(self) -> list[str]:
        """Return what is left, as lines."""
        return _pieces(_visible("".join(self._parts)))

    def __bool__(self) -> bool:
        return self._size > 0


# Whose → (thread, stream) → what is held of its line. Usually empty, which costs one look to see.
HELD: dict[Who, dict[tuple[int, str], _Rest]] = {}


class CapturedStream:
    """In place of a standard stream; ``name``: "stdout" or "stderr"."""

    def __init__(self, name: str, beneath: TextIO) -> None:
        self._name = name
        self._beneath = beneath

    def beneath(self) -> TextIO:
        """Return the stream in whose place this one stands, or the process' own if it is closed."""
        own: TextIO | None = sys.__stdout__ if self._name == "stdout" else sys.__stderr__
        closed = getattr(self._beneath, "closed", False)
        return own if closed and own is not None else self._beneath

    def write(self, text: str) -> int:
        """Take what a task prints, and pass on everything else."""
        attempt = attempt_fields()
        tell = _tell
        if attempt is None or tell is None or _busy.passing:
            return self.beneath().write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        whose = attempt[:3]
        for line in self._lines(whose, text):
            tell(whose, self._name, line)
        if len(HELD) > MOST_HELD:
            _end(_oldest())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of these, as files do: they bring their own line ends."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
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


def end_lines() -> None:
    """Tell what the current attempt has printed without a line end, in any of its threads."""
    attempt = attempt_fields()
    if attempt is not None:
        _end(attempt[:3])


def _end(whose: Who) -> None:
    with _lock:
        rests = HELD.pop(whose, {})
    if _tell is not None:
        for (_, name), rest in rests.items():
            for line in rest.end():
                _tell(whose, name, line)


def _oldest() -> Who:
    with _lock:
        return next(iter(HELD))


@contextmanager
def passing_through() -> Iterator[None]:
    """Within the block, this thread's output goes on untouched."""
    before, _busy.passing = _busy.passing, True
    try:
        yield
    finally:
        _busy.passing = before


def start(tell: Tell) -> None:
    """Capture both streams, if they are not captured; each line goes to ``tell`` from now on."""
    global _tell
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, CapturedStream):
            setattr(sys, name, CapturedStream(name, stream))
    _tell = tell


def stop() -> None:
    """Tell what is held and put the streams back. One that others have wrapped passes all on."""
    global _tell
    for whose in list(HELD):
        _end(whose)
    _tell = None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, CapturedStream):
            setattr(sys, name, stream.beneath())


def stream_beneath(stream: Any) -> Any:
    """Return a stream itself, or the one beneath if it is a captured one."""
    return stream.beneath() if isinstance(stream, CapturedStream) else stream


def _visible(line: str) -> str:
    """Return what a terminal would show of a line."""
    return line.rstrip("\r").rpartition("\r")[2]


def _pieces(line: str) -> list[str]:
    return [line[at : at + LONGEST_LINE] for at in range(0, len(line), LONGEST_LINE)]


def _forget_parent() -> None:
    """In a copy of this process: what was held is the original's to tell."""
    global _lock
    _lock = threading.Lock()
    HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
