"""Killing a process with all that it has started, also in sessions and groups of their own.

A process group is killed by one signal, but a program may leave it (``start_new_session``, a
browser, a shell with job control). On Linux the processes below one are found in ``/proc``. They
are stopped before they are killed, so that none starts another one meanwhile.

What this does not find: a daemon that has detached itself, so that its parent is process 1; what a
process has left behind that died by itself; and on systems without ``/proc``, all that has left the
group.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

MOST_ROUNDS = 20  # a tree that grows for longer is killed as far as it is known


def kill_tree(pid: int) -> None:
    """Kill a child of this process, its process group, and every process below it.

    It must not have been waited for: its number may be another process' by then.
    """
    below: dict[int, None] = {}
    _send(pid, signal.SIGSTOP)
    for _ in range(MOST_ROUNDS):
        fresh = [one for one in _descendants(pid) if one not in below]
        if not fresh:
            break
        for one in fresh:
            _send(one, signal.SIGSTOP)
            below[one] = None
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for one in (pid, *below):
        _send(one, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _children(pid: int) -> list[int]:
    """Return the children of a process, none if that cannot be told."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found
