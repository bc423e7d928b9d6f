"""Sleeping until a signal arrives, for a process whose main loop has no threads.

Python calls the handler of a signal between two steps of the interpreter, which does not wake a
process that sleeps. So each signal also writes a byte to a pipe, and the process sleeps on it.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress


class SignalAlarm:
    """Wakes this process at each signal that has a handler, also at the end of a child."""

    def __init__(self) -> None:
        """Call this in the main thread. It also sets a handler for SIGCHLD, which does nothing."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def sleep(self, seconds: float) -> None:
        """Sleep. A signal, also one that arrived since the last call, ends the sleep early."""
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._reader, 4096)

    @staticmethod
    def forget() -> None:
        """In a forked child: its signals no longer wake the parent."""
        signal.set_wakeup_fd(-1)
