"""The commands that a worker's parent sends to a child, over the control pipe.

Each is one line: ``stop LANE RUN,TASK,ATTEMPT`` (cancelled), ``claimers N`` (so many are alive),
``register`` (Redis no longer knows the app), ``announce`` (another log collector reads the output),
``drain`` (finish and exit). When the pipe closes, the parent is dead. The child then exits at once,
since nothing renews its lease.
"""

from __future__ import annotations

import os
import signal
from typing import Protocol

from flowkit.processes.parent_death import signal_at_death_of

from .config import ExitReason
from .output_pipe import OutputPipe


class Commanded(Protocol):
    """What a child can do on command. Any thread calls it. ``output``: where its tasks print to."""

    output: OutputPipe | None

    def cancel(self, lane: str, attempt: str) -> None:
        """End an attempt (``run,task,attempt``) of a lane."""
        ...

    def set_claimers(self, claimers: int) -> None:
        """Set how many claimers a short list is to be divided among."""
        ...

    def register_app(self) -> None:
        """Record the functions of the app."""
        ...

    def drain(self) -> None:
        """Finish what is executing, and exit."""
        ...


def obey(child: Commanded, control: int) -> None:
    """Carry out the commands that come through the pipe ``control``. Exits when it closes."""
    with os.fdopen(control, "r", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            obey_line(child, line)
    os._exit(ExitReason.DONE)


def obey_line(child: Commanded, line: str) -> None:
    """Carry out one command. An unknown line is ignored: valid ones may follow it."""
    match line.split():
        case ["stop", lane, attempt]:
            child.cancel(lane, attempt)
        case ["claimers", number] if number.isdecimal() and len(number) < 10:
            child.set_claimers(int(number))
        case ["register"]:
            child.register_app()
        case ["announce"]:
            if child.output is not None:
                child.output.announce_again()
        case ["drain"]:
            child.drain()


def die_with_parent() -> None:
    """Kill this process when its parent dies. Without the kernel's help, the control pipe does it.

    The pipe alone cannot end a task that blocks in C code and never lets a thread run.
    """
    if not signal_at_death_of(os.getppid(), signal.SIGKILL):
        os._exit(ExitReason.DONE)
