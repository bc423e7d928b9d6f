"""What the tasks of a run print, beside a wait for the run.

A thread follows the stored lines, and hands them to the display, each with the name of its task.
It begins with the last ``TAIL`` lines. When the run has ended, the wait for its last lines takes at
most ``LAST_S``. An error of Redis ends the lines, and the wait itself reports it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..basics.counted import counted
from ..core.numbering import labelled
from ..exceptions import FlowkitError
from ..processes.daemon_output import Line
from .display import Display

if TYPE_CHECKING:
    from ..basics.log_line import LogLine
    from ..client.run_handle import RunHandle

TAIL = 20
LAST_S = 2.0
_INFO = 20


@contextmanager
def task_lines(handle: RunHandle, display: Display) -> Iterator[None]:
    """Show what tasks print while the block runs."""
    stopped = threading.Event()

    def follow() -> None:
        with suppress(FlowkitError):
            for line in handle.logs(follow=True, tail=TAIL):
                if stopped.is_set():
                    return
                for shown in shown_lines(line):
                    display.task_line(shown)

    thread = threading.Thread(target=follow, name="flowkit-task-lines", daemon=True)
    thread.start()
    try:
        yield
        thread.join(LAST_S)  # the run has ended: its last lines are on their way
    finally:
        stopped.set()


def shown_lines(line: LogLine) -> Iterator[Line]:
    """Yield the line, and before it how many are missing. The texts are raw."""
    number = "" if line.attempt == 1 else f"#{line.attempt}"
    name = labelled(f"{line.task}{number}", line.label)
    if line.missing:
        yield Line("", text_of_missing(line), task=name)
    yield Line("", text_of(line), is_error=True, task=name)


def text_of(line: LogLine) -> str:
    """Return the raw text of a line, with its level unless that is the one of what tasks print."""
    level = f"{line.level_name} " if line.stream == "log" or line.level != _INFO else ""
    return level + line.text


def text_of_missing(line: LogLine) -> str:
    """Return how many lines are missing before a line."""
    verb = "is" if line.missing == 1 else "are"
    return f"… {counted(line.missing, 'line')} {verb} missing here …"
