"""Ending the copy of a process that a task made with ``os.fork`` and let return.

The copy must not work as a lane: the original does.
"""

from __future__ import annotations

import os
import sys
import traceback

from ..log_streams import end_lines


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """End this process if it is not ``pid`` but a copy of it that a task made with ``os.fork``.

    The copy came back from the task's function as if it were the lane. It must not go on: it
    shares the lane's connection and its board.
    """
    if os.getpid() == pid:
        return
    end_lines()
    if error is not None and not isinstance(error, SystemExit):
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    code = 0 if error is None else 1
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    os._exit(code)
