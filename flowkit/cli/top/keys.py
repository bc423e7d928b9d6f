"""The terminal of ``flowkit top``: keys one at a time, and a second screen.

Within a ``with`` block, the terminal does not echo and sends each key at once. Afterwards its mode
is restored, also after an error, a TERM, a HUP and Ctrl-C, which keeps its meaning. Ctrl-Z is an
ordinary key here: a stopped program would leave the terminal in this mode.
"""

from __future__ import annotations

import os
import select
import termios
import tty
from collections.abc import Sequence
from types import TracebackType

_ESCAPE = b"\x1b"
# What terminals send for keys without a character.
_NAMED = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "escape",
    b"\x04": "q",
}
_NO_KEY = b"\x00"  # of _POSIX_VDISABLE
_LFLAG, _CC = 3, 6  # of termios.tcgetattr
MAX_BYTES = 1024  # of keys that are read at once


class Keyboard:
    """Keys of a terminal. ``descriptor``: of the terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[object] = []

    def __enter__(self) -> Keyboard:
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        mode = termios.tcgetattr(self._descriptor)
        mode[_CC][termios.VSUSP] = _NO_KEY
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._before)  # type: ignore[arg-type]

    def wait(self, seconds: float, also: int) -> Sequence[str]:
        """Wait for keys, or until ``also`` can be read; return the keys. "q" if there is no
        terminal any more.
        """
        ready, _, _ = select.select([self._descriptor, also], [], [], max(0.0, seconds))
        if self._descriptor not in ready:
            return ()
        try:
            data = os.read(self._descriptor, MAX_BYTES)
        except OSError:
            data = b""
        return split_keys(data) if data else ("q",)


def split_keys(data: bytes) -> list[str]:
    """Return the names of the keys in what a terminal sent; unknown ones are left out."""
    keys: list[str] = []
    while data:
        sequence = _sequence(data)
        data = data[len(sequence) :]
        if sequence in _NAMED:
            keys.append(_NAMED[sequence])
        elif len(sequence) == 1 and 0x20 <= sequence[0] < 0x7F:
            keys.append(sequence.decode("ascii"))
    return keys


def _sequence(data: bytes) -> bytes:
    """Return the bytes of the first key: an escape sequence, or one byte."""
    if data[:1] != _ESCAPE or data[1:2] not in (b"[", b"O"):
        return data[:1]
    for at in range(2, len(data)):
        if 0x40 <= data[at] <= 0x7E:
            return data[: at + 1]
    return data
