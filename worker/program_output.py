"""The child's side of the output of programs and of C code: descriptors 1 and 2, and marks.

The two descriptors become one pipe, so that the order of what is written to both is kept, and the
log collector reads it. What flowkit itself writes (the worker's log) goes to duplicates of the
original descriptors: see ``standard_streams.divert``.

The pipe has raw bytes. The collector attributes them to the sync attempt that executes when they
arrive, which it sees in the execution slots. So at the end of such an attempt nothing of it may be
unread when the next one begins. If bytes are unread then (``FIONREAD``), the child writes a mark
behind them: a NUL, a random token that only this child and the collector know, the text of
the slot, and a NUL. What is written while no sync attempt executes is passed on to where it went
before.

The question costs 0.25 µs, but it lets go of the interpreter's lock, so the thread that reports
outcomes runs first: 5 µs per attempt, measured. So after ``MANY`` attempts of less than 0.2 ms that
wrote nothing, only the end of a batch is asked about, until something was written. Starting a
program takes longer than that. What C code writes for the first time then may be attributed to a
later attempt of the same batch.
"""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Callable

from flowkit.processes.standard_streams import divert
from flowkit.protocol.worker_store import Claim

LONGEST_MARK = 1024  # bytes
MANY = 100


class ProgramOutput:
    """The pipe that replaces the descriptors 1 and 2 of one child.

    ``asks_about_quick``: whether to call ``end`` for an attempt that took less time than a program
    takes to start.
    """

    def __init__(self, pipe: int, token: str) -> None:
        """Replace the descriptors. ``pipe``: its write end, which is closed."""
        self._head = f"\0{token} "
        self._pipe = os.dup(pipe)  # a task may leave another file as descriptor 1
        self._unread = bytearray(4)
        self._silent = 0  # attempts since something was written
        self.asks_about_quick = True
        divert(pipe)

    def end(self, claim: Claim, slot_key: Callable[[Claim], str]) -> None:
        """A sync attempt is over: mark what it wrote, if that was not read yet.

        ``slot_key`` returns the text that its execution slot has.
        """
        self._silent += 1
        self.asks_about_quick = self._silent < MANY
        try:
            fcntl.ioctl(self._pipe, termios.FIONREAD, self._unread)
            if self._unread == b"\0\0\0\0":
                return
            self._silent, self.asks_about_quick = 0, True
            # A program that still runs may write too; the pipe takes what is this short at once.
            os.write(self._pipe, f"{self._head}{slot_key(claim)}\0".encode()[:LONGEST_MARK])
        except OSError:
            pass  # a task has closed the descriptor
