"""Signals in processes that run tasks for a parent: only the parent handles TERM and INT.

A service manager, a container or a terminal may send them to every process. The parent then decides
what to do with the tasks. If a child ended by itself, it would interrupt its task, and the task
would be blamed.

The signals are caught by a handler that does nothing, instead of being ignored. An ignored signal
stays ignored in the programs that a task starts, and then these could not be terminated. For the
same reason, a copy that a task makes with ``os.fork`` (as multiprocessing does) gets the default
actions back.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType

FOR_PARENT = (signal.SIGINT, signal.SIGTERM)
_is_registered = False


class _Before(threading.local):
    """The signals that a forking thread had blocked before the fork."""

    blocked: Iterable[int] = ()


_before = _Before()


def obey_parent_alone() -> None:
    """Let TERM and INT do nothing in this process from now on. Call this in the main thread."""
    global _is_registered
    for number in FOR_PARENT:
        signal.signal(number, _do_nothing)
        signal.siginterrupt(number, False)  # the user's C code may not expect EINTR
    if not _is_registered:
        _is_registered = True
        os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_restore)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass


def _block() -> None:
    # A signal that reaches the copy before it has the default actions would be lost.
    _before.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_PARENT)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before.blocked)


def _restore() -> None:
    for number in FOR_PARENT:
        if signal.getsignal(number) is _do_nothing:
            signal.signal(number, signal.SIG_DFL)
    _unblock()
