"""Killing a process with all its descendants, even in other sessions and process groups.

One signal kills a process group, but a program may leave it (``start_new_session``, a browser, a
shell with job control). On Linux, ``/proc`` shows the descendants of a process. They are stopped
before they are killed, so that none of them starts another process meanwhile.

This does not find a daemon that has detached itself, so that its parent is process 1; the children
of a process that has died by itself; and, on systems without ``/proc``, processes outside the
group.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

MOST_ROUNDS = 20  # if the tree keeps growing, the processes found so far are killed


def kill_tree(pid: int) -> None:
    """Kill a child of this process, its process group, and all its descendants.

    Call this before waiting for the child: afterwards its pid may belong to another process.
    """
    below: dict[int, None] = {}
    _send(pid, signal.SIGSTOP)
    for _ in range(MOST_ROUNDS):
        new = [descendant for descendant in _descendants(pid) if descendant not in below]
        if not new:
            break
        for descendant in new:
            _send(descendant, signal.SIGSTOP)
            below[descendant] = None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for process in (pid, *below):
        _send(process, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _children(pid: int) -> list[int]:
    """Return the children of a process, none if they cannot be determined."""
    children: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                children += map(int, file.read().split())
    return children
