"""What a command that waits for a run shows meanwhile, on standard error.

On a terminal: one bar with counts, redrawn in place, and lines above it. Piped: a line now and
then, at most one every ``LINE_S`` seconds and one per ``STEP`` of the tasks. Quiet: neither. What
tasks print goes to standard output, or to standard error where that belongs to a JSON document;
a terminal gets it escaped (``flowkit.terminal``).

Lines come from another thread than the rest; each method may be called by any.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING

from ..core.display_text import escape_lines, escape_text
from ..core.states import TASK_OVER
from ..daemons import Line
from ..protocol.run_records import RunRecord
from ..terminal import is_terminal, write_output, write_text
from .output import indented

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_S, STEP, LONGEST_SILENCE_S = 2.0, 0.1, 30.0
# The scheduler, which counts, does not hear of claims: to it a running task is a queued one.
_SHOWN = {
    "waiting": "waiting",
    "queued": "queued or running",
    "failed": "failed",
    "upstream_failed": "upstream failed",
    "skipped": "skipped",
    "cancelled": "cancelled",
}


class Display:
    """The quiet one, and what all have in common. A context manager: it may hold the terminal.

    ``stdout_is_taken``: whether standard output belongs to a JSON document.
    """

    def __init__(self, *, stdout_is_taken: bool) -> None:
        self._stdout_is_taken = stdout_is_taken
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def note(self, text: str) -> None:
        """Tell something that is of interest now."""

    def look(self, record: RunRecord) -> None:
        """Show how the run stands."""

    def line(self, line: Line) -> None:
        """Show a line of a daemon or of a task."""
        if line.level is None:
            self._pass_on(line)
        else:
            self._tell(f"{line.source}: {line.level} {indented(line.text)}")

    def _pass_on(self, line: Line) -> None:
        """Write what a task printed."""
        on_stderr = line.is_error or self._stdout_is_taken
        with self._writing():
            write_output(sys.stderr if on_stderr else sys.stdout, line.text)

    def _tell(self, text: str) -> None:
        """Write escaped text to standard error."""
        with self._writing():
            write_text(sys.stderr, f"{text}\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Write whole lines; a reader that left ends nothing. The command notices by itself when it
        prints its results.
        """
        with self._lock, suppress(BrokenPipeError, ValueError):
            yield


class LineDisplay(Display):
    """Progress as lines."""

    def __init__(self, *, stdout_is_taken: bool) -> None:
        super().__init__(stdout_is_taken=stdout_is_taken)
        self._said = time.monotonic()
        self._done = 0

    def note(self, text: str) -> None:
        """Print a line."""
        self._tell(escape_lines(text))

    def look(self, record: RunRecord) -> None:
        """Print a line if it is time for one."""
        now, done = time.monotonic(), done_of(record.counts)
        silence = now - self._said
        far = done - self._done >= max(1, STEP * record.total)
        if done == self._done or not (silence >= LONGEST_SILENCE_S or (far and silence >= LINE_S)):
            return
        rate = (done - self._done) / silence
        self._said, self._done = now, done
        percent = 100 * done // max(1, record.total)
        self.note(
            f"{done} of {record.total} tasks have ended ({percent} %), {rate:.1f}/s"
            f"{summary(record.counts)}"
        )


class TerminalDisplay(Display):
    """A bar that is redrawn in place."""

    def __init__(self, *, stdout_is_taken: bool) -> None:
        super().__init__(stdout_is_taken=stdout_is_taken)
        self._progress = _progress()
        self._bar = self._progress.add_task("", total=None, rate=0.0, states="")
        self._began = time.monotonic()

    def __enter__(self) -> TerminalDisplay:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._tell(escape_lines(text))

    def _pass_on(self, line: Line) -> None:
        """Write what a task printed above the bar: both streams are this terminal."""
        self._tell(escape_lines(line.text))

    def look(self, record: RunRecord) -> None:
        """Redraw the bar."""
        done = done_of(record.counts)
        self._progress.update(
            self._bar,
            description=escape_text(record.dag_name),
            completed=done,
            total=record.total,
            rate=done / max(0.001, time.monotonic() - self._began),
            states=summary(record.counts).removeprefix(": "),
        )

    def _tell(self, text: str) -> None:
        from rich.text import Text

        with self._writing():
            self._progress.console.print(Text(text), soft_wrap=True, highlight=False)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s", markup=False),
        TextColumn("{task.fields[states]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def make_display(*, quiet: bool, as_json: bool) -> Display:
    """Return the display that fits what was asked for and where the output goes."""
    if quiet:
        return Display(stdout_is_taken=as_json)
    if is_terminal(sys.stdout) and is_terminal(sys.stderr):
        return TerminalDisplay(stdout_is_taken=as_json)
    return LineDisplay(stdout_is_taken=as_json)


def done_of(counts: Mapping[str, int]) -> int:
    """Return how many tasks are over."""
    return sum(counts.get(state.value, 0) for state in TASK_OVER)


def summary(counts: Mapping[str, int]) -> str:
    """Return ": 3 running, 1 failed", or "" if there is nothing to add to the total."""
    parts = [f"{counts[state]} {_SHOWN[state]}" for state in _SHOWN if counts.get(state)]
    return ": " + ", ".join(parts) if parts else ""
