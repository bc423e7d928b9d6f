"""The warden: a process that ends what a killed worker leaves behind.

When the parent is killed the kernel ends its children (see child.py), but not the programs and
processes that their tasks have started. Those stand in the children's process groups, so somebody
who outlives the parent can end them: the parent tells the warden each group over a pipe, and the
end of the pipe is the parent's death. The warden runs no user code and talks to nobody; where the
worker ends in good order it finds nothing to do. What has left its group (a daemon of its own) is
out of its reach.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import NoReturn

_DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Warden:
    """The parent's end: which groups are to be ended should it be killed."""

    def __init__(self) -> None:
        """Start the process. To be called before the first child and before any connection."""
        reader, self._writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._writer)
            _watch(reader)
        os.close(reader)
        os.set_blocking(self._writer, False)

    def add(self, group: int) -> None:
        """Note a process group that exists from now on."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Forget one whose processes are gone: its number may come back as somebody else's."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let it go; what it still knows of is ended."""
        os.close(self._writer)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def forget(self) -> None:
        """In a new child: it must not hold the pipe open that tells of its parent's death."""
        os.close(self._writer)

    def _tell(self, line: str) -> None:
        # A warden that was killed hears nothing any more; the worker goes on without one.
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._writer, line.encode())


def _watch(reader: int) -> NoReturn:
    """Keep the list until the pipe ends, then end what is on it."""
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent
        for number in _DEAF_TO:
            signal.signal(number, signal.SIG_IGN)
        groups: dict[int, None] = {}
        with os.fdopen(reader, "r", encoding="ascii") as lines:
            for line in lines:
                group = int(line[1:])
                if line.startswith("+"):
                    groups[group] = None
                else:
                    groups.pop(group, None)
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
    finally:
        os._exit(0)
