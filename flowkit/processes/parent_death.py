"""End a process when its parent dies. As a program, run one of flowkit's programs like that.

    python -m flowkit.processes.parent_death PARENT_PID flowkit.worker --app etl …

However the parent dies, even by SIGKILL, the program gets SIGTERM and shuts down normally. On Linux
the kernel sends the signal; elsewhere the program checks once a second whether it has a new parent.
Neither needs a thread: a worker forks its children, which is safe only without threads.

The program writes whole lines, so that the output of several processes into one pipe does not mix.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from types import FrameType
from typing import TextIO

LOOK_S = 1.0
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read the parent's pid and the program's module from the command line, and run the module."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    tie_to(parent)
    for stream in (sys.stdout, sys.stderr):
        _write_whole_lines(stream)
    sys.argv[:] = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def tie_to(parent: int) -> None:
    """Send this process SIGTERM when ``parent`` dies; exit at once if it is already dead."""
    if sys.platform != "linux":
        _look_for_parent(parent)
    if not signal_at_death_of(parent, signal.SIGTERM):
        sys.exit(128 + signal.SIGTERM)


def signal_at_death_of(parent: int, number: signal.Signals) -> bool:
    """Let the kernel send this process a signal when its parent dies, on Linux; elsewhere nothing.

    The signal reaches a process that is busy in C code and lets no thread run. Return False if
    ``parent`` is already dead: the kernel only reports later deaths.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def _look_for_parent(parent: int, every: float = LOOK_S) -> None:
    # Forked children do not inherit an interval timer, so they need not cancel it.
    def look(number: int, frame: FrameType | None) -> None:
        if os.getppid() != parent:
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, every, every)


def _write_whole_lines(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)


if __name__ == "__main__":
    main()
