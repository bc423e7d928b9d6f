"""The live view: what it reads of a run, and what a terminal gets of it."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from flowkit.basics.log_line import LogLine
from flowkit.cli import display as displays
from flowkit.cli import make_display as choice
from flowkit.cli.display import LineDisplay
from flowkit.cli.live_display import LiveDisplay
from flowkit.cli.make_display import make_display
from flowkit.cli.task_lines import task_lines
from flowkit.client import running as running_tasks
from flowkit.client.running import Running, RunningTasks
from flowkit.core.estimate import Pace
from flowkit.core.run_record import RunRecord
from flowkit.core.states import RunState
from flowkit.exceptions import RedisUnavailable
from flowkit.processes.daemon_output import Line


def record(done: int = 0, **more: Any) -> RunRecord:
    counts = {"succeeded": done, "queued": 4 - done}
    return RunRecord("r1", "etl", "0" * 64, RunState.RUNNING, 4, 0, counts=counts, **more)


class Terminal:
    """A display on a terminal that is recorded, under a clock of the test."""

    def __init__(self, **console: Any) -> None:
        self.now = 0.0
        self.file = io.StringIO()
        self.display = LiveDisplay(
            stdout_is_taken=False,
            console=Console(file=self.file, force_terminal=True, width=70, height=20, **console),
            monotonic=lambda: self.now,
        )

    def frame(self) -> str:
        return self.display._frame().plain


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(color_system=None)


def test_counts_throughput_and_estimate_come_from_looks(terminal: Terminal) -> None:
    display = terminal.display
    assert terminal.frame() == ""
    for done in range(4):
        terminal.now = 2.0 * done
        display.look(record(done))
    terminal.now = 7.0
    assert terminal.frame() == ("⠋ etl ━━━━━━━━━━━──── 3/4 · 0.5/s · about 2 s left · 1 queued")
    for _ in range(20):
        terminal.now += 1.0
        display.look(record(3))
    assert terminal.frame() == "⠋ etl ━━━━━━━━━━━──── 3/4 · 1 queued"


@pytest.mark.parametrize(("fails", "left"), [(False, " · about 39 s left"), (True, "")])
def test_the_estimate_uses_earlier_runs(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, fails: bool, left: str
) -> None:
    """It read them, and did not use what it had read."""
    reads: list[str] = []

    def earlier_paces(shard: object, of: RunRecord) -> list[Pace]:
        reads.append(of.run)
        if fails:
            raise RedisUnavailable("away")
        return [Pace((10.0, 20.0, 30.0, 40.0))]

    monkeypatch.setattr("flowkit.client.forecast.earlier_paces", earlier_paces)
    monkeypatch.setattr(RunningTasks, "_look", lambda self, of, now: Running(at=now, elapsed=now))
    handle: Any = SimpleNamespace(shard=None, record=record)
    with terminal.display.following(handle):
        for now in (1.0, 2.0):
            terminal.now = now
            terminal.display.look(record())
        assert terminal.frame().partition("0/4")[2] == f"{left} · 4 queued"
    assert reads == ["r1"]


def test_what_tasks_print_is_above_with_the_name_of_the_task(terminal: Terminal) -> None:
    display = terminal.display
    with display.following(None):
        display.look(record(1))
        display.line(Line("worker", "hello\x1b[2J", task="load\n[0]"))
        display.line(Line("worker", "from a program"))
        display.line(Line("worker", "it failed", "ERROR"))
        display.note("a note")
    shown = terminal.file.getvalue()
    assert "load\\n[0] | hello\\x1b[2J\n" in shown
    assert "\nfrom a program\n" in shown or "from a program\n" in shown
    assert "worker: ERROR it failed\n" in shown
    assert "a note\n" in shown
    assert "1/4" in shown


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    with terminal.display.following(None):
        terminal.display.look(record(1))
    assert "1/4" in terminal.file.getvalue()
    assert "\x1b[3" not in terminal.file.getvalue()


@pytest.mark.parametrize("term", ["dumb", "unknown", "DUMB"])
def test_a_terminal_that_cannot_redraw_gets_lines(
    term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "is_terminal", lambda stream: True)
    monkeypatch.setenv("TERM", term)
    assert isinstance(make_display(quiet=False, as_json=False), LineDisplay)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_display(quiet=False, as_json=False), LiveDisplay)


def test_a_pipe_gets_lines_without_escapes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(displays, "LINE_S", 0.0)
    display = make_display(quiet=False, as_json=False)
    with display.following(None):
        display.look(record(3))
        display.line(Line("worker", "hello", task="load"))
    out, err = capsys.readouterr()
    assert out == "hello\n", "a program reads what the task has printed, and nothing else"
    assert err.startswith("3 of 4 tasks have ended (75 %)")
    assert "\x1b" not in err
    assert sys.stdout is not None


def test_stored_lines_are_shown_with_task_and_attempt() -> None:
    """The lines of a finished run come to an end; an outage ends them, and nothing else."""

    def logs(*, follow: bool, tail: int) -> Iterator[LogLine]:
        yield LogLine(0.0, 20, "load", 1, "stdout", "one\x1b[2J")
        yield LogLine(0.0, 20, "load\n", 2, "output", "two", missing=1234)
        yield LogLine(0.0, 40, "load", 1, "log", "three\nlines")
        raise RedisUnavailable("away")

    handle: Any = SimpleNamespace(logs=logs)
    terminal = Terminal(color_system=None)
    with terminal.display.following(None), task_lines(handle, terminal.display):
        pass
    shown = terminal.file.getvalue()
    assert "load | one\\x1b[2J\n" in shown
    assert "load\\n#2 | … 1,234 lines are missing here …\n" in shown
    assert "load\\n#2 | two\n" in shown
    assert "load | ERROR three\nlines\n" in shown


def test_no_line_is_shown_after_the_wait_was_interrupted() -> None:
    going = threading.Event()

    def logs(*, follow: bool, tail: int) -> Iterator[LogLine]:
        going.wait(30)
        yield LogLine(0.0, 20, "load", 1, "stdout", "late")

    handle: Any = SimpleNamespace(logs=logs)
    terminal = Terminal(color_system=None)
    with pytest.raises(KeyboardInterrupt), task_lines(handle, terminal.display):
        raise KeyboardInterrupt
    going.set()
    for thread in threading.enumerate():
        if thread.name == "flowkit-task-lines":
            thread.join(30)
    assert "late" not in terminal.file.getvalue()


def test_looks_become_rarer_if_they_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of lanes, a look may take a tenth of a second."""
    now = [100.0]
    looks: list[float] = []

    def look(self: RunningTasks, record: RunRecord, at: float) -> Any:
        looks.append(at)
        now[0] += 0.1
        return SimpleNamespace()

    monkeypatch.setattr(RunningTasks, "_look", look)
    handle: Any = None
    tasks = RunningTasks(handle, monotonic=lambda: now[0])
    while now[0] < 110.0:
        tasks.look(record())
        now[0] += 0.05
    assert 4 <= len(looks) <= 6
    assert running_tasks.SHARE * 0.1 == 2.0
