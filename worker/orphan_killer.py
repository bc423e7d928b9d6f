"""The orphan killer: a process that ends what a killed worker leaves behind.

When the parent is killed, the kernel ends its children (see child.py), but not the programs and
processes that their tasks have started. Those belong to the process groups of the children, so a
process that outlives the parent can end them. The parent sends each group number to the orphan
killer over a pipe; when the pipe closes, the parent is dead. The orphan killer runs no user code
and opens no connection. If the worker stops normally, nothing is left for it to do. It cannot end
a process that has left its group, such as a daemon that a task started.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import NoReturn

_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class OrphanKiller:
    """The parent's side: registers the process groups to end if the parent is killed."""

    def __init__(self) -> None:
        """Start the process. Call this before the first fork and before any connection."""
        reader, self._writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._writer)
            _watch(reader)
        os.close(reader)
        os.set_blocking(self._writer, False)

    def add(self, group: int) -> None:
        """Register a process group that exists from now on."""
        self._send(f"+{group}\n")

    def remove(self, group: int) -> None:
        """Unregister a group whose processes are gone: the system may reuse its number."""
        self._send(f"-{group}\n")

    def close(self) -> None:
        """Stop the process, which then kills the groups that are still registered."""
        os.close(self._writer)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def forget(self) -> None:
        """Close the pipe in a new child: an open copy would hide the death of the parent."""
        os.close(self._writer)

    def _send(self, line: str) -> None:
        # If the orphan killer was killed, the worker continues without it.
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._writer, line.encode())


def _watch(reader: int) -> NoReturn:
    """Maintain the list of groups until the pipe closes, then kill the groups on it."""
    try:
        os.setpgid(0, 0)  # the terminal's Ctrl-C is for the parent
        for number in _IGNORED:
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
