"""Progress of a run on standard error, while a command waits for it.

On a terminal: a view that is redrawn in place, with lines above it (``live_display.py``).
Otherwise, also on a terminal that cannot redraw: a line from time to time, at most one every
``LINE_S`` seconds and one per ``STEP`` of the tasks. Quiet: neither. The output of tasks goes to
standard output, or to standard error if standard output holds a JSON document;
``flowkit.basics.terminal`` escapes it for a terminal.

Lines come from another thread; every method may be called from any thread.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..basics.display_text import escape_lines, escape_text
from ..basics.terminal import write_output, write_text
from ..client.stall_notice import done_of
from ..core.run_record import RunRecord
from ..processes.daemon_output import Line
from .output import indented

if TYPE_CHECKING:
    from ..client.run_handle import RunHandle

LINE_S, STEP, LONGEST_SILENCE_S = 2.0, 0.1, 30.0
# The scheduler, which counts, sees neither claims nor retries: it counts such tasks as queued.
_SHOWN = {
    "queued": "queued, running or waiting",
    "failed": "failed",
    "upstream_failed": "upstream failed",
    "skipped": "skipped",
    "cancelled": "cancelled",
}


class Display:
    """The quiet display, and the base of the others.

    ``stdout_is_taken``: whether standard output is reserved for a JSON document.
    ``is_live``: whether it is redrawn in place.
    """

    is_live = False

    def __init__(self, *, stdout_is_taken: bool) -> None:
        self._stdout_is_taken = stdout_is_taken
        self._lock = threading.Lock()

    @contextmanager
    def following(self, handle: RunHandle | None) -> Iterator[Display]:
        """Show the progress of a run in the block, which may take the terminal.

        ``handle``: where more is read than ``look`` is given; None to show no more than that.
        """
        yield self

    def note(self, text: str) -> None:
        """Show a message."""

    def look(self, record: RunRecord) -> None:
        """Show the progress of the run."""

    def line(self, line: Line) -> None:
        """Show a line of a daemon or of a task."""
        if line.level is None:
            self._print_output(line)
        else:
            self._write_line(f"{line.source}: {line.level} {indented(line.text)}")

    def task_line(self, line: Line) -> None:
        """Show a line that a task printed, with the name of the task in front, as a message."""
        self._write_line(named(line))

    def _print_output(self, line: Line) -> None:
        """Write the output of a task."""
        on_stderr = line.is_error or self._stdout_is_taken
        with self._writing():
            write_output(sys.stderr if on_stderr else sys.stdout, line.text)

    def _write_line(self, text: str) -> None:
        """Write escaped text to standard error."""
        with self._writing():
            write_text(sys.stderr, f"{text}\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write whole lines. A broken pipe is ignored here: the command reports it when it prints
        its results.
        """
        with self._lock, suppress(BrokenPipeError, ValueError):
            yield


class LineDisplay(Display):
    """Progress as lines."""

    def __init__(self, *, stdout_is_taken: bool) -> None:
        super().__init__(stdout_is_taken=stdout_is_taken)
        self._last_line_at = time.monotonic()
        self._done = 0

    def note(self, text: str) -> None:
        """Print a line."""
        self._write_line(escape_lines(text))

    def look(self, record: RunRecord) -> None:
        """Print a line if one is due."""
        now, done = time.monotonic(), done_of(record.counts)
        silence = now - self._last_line_at
        far_enough = done - self._done >= max(1, STEP * record.total)
        is_due = silence >= LONGEST_SILENCE_S or (far_enough and silence >= LINE_S)
        if done == self._done or not is_due:
            return
        rate = (done - self._done) / silence
        self._last_line_at, self._done = now, done
        percent = 100 * done // max(1, record.total)
        self.note(
            f"{done} of {record.total} tasks have ended ({percent} %), {rate:.1f}/s"
            f"{summary(record.counts)}"
        )


def named(line: Line) -> str:
    """Return the escaped text of a line, with the name of its task in front if it is known."""
    text = escape_lines(line.text)
    return f"{escape_text(line.task)} | {text}" if line.task else text


def summary(counts: Mapping[str, int]) -> str:
    """Return ": 3 running, 1 failed", or "" if no task is in a state of ``_SHOWN``."""
    parts = [f"{counts[state]} {_SHOWN[state]}" for state in _SHOWN if counts.get(state)]
    return ": " + ", ".join(parts) if parts else ""
