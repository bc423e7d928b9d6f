"""Copies of a process that a task makes with ``os.fork`` and that return from its function.

Such a copy returns as if it were the executor. It must not continue: it shares the connections and
pipes of the executor, has none of its threads, and its reports would count twice. So every executor
calls ``end_if_forked`` as soon as the task's function has returned.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from ..logging.streams import end_lines

# Cached, since it is checked after each attempt: asking the kernel would cost time.
_pid = os.getpid()


def _note_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_note_pid)


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is a copy of process ``pid``.

    ``error``: what the function raised. As in any process, SystemExit gives the exit code; other
    errors are printed, and the exit code is 1. User code cannot keep the copy alive.
    """
    if pid == _pid:
        return
    code = 0 if error is None else 1
    try:
        end_lines()
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
    finally:
        os._exit(code & 0xFF)
