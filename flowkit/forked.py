"""Copies of a process that a task makes with ``os.fork`` and lets return from its function.

Such a copy comes back as if it were the executor. It must not go on: it shares the executor's
connections and pipes, has none of its threads, and what it reported would count twice. So every
executor asks ``end_if_forked`` as soon as the task's function is over.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from .log_streams import end_lines

# Known without asking the kernel: a look at it is taken after each attempt.
_pid = os.getpid()


def _note_pid() -> None:
    global _pid
    _pid = os.getpid()


os.register_at_fork(after_in_child=_note_pid)


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is not ``pid`` but a copy of it.

    ``error``: what the function raised. As in any process, SystemExit gives the exit code; other
    errors are printed, and the exit code is 1. Nothing that user code does keeps the copy alive.
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
