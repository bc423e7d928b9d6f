"""Nothing that comes from elsewhere reaches the terminal raw, and lines come in measure."""

from __future__ import annotations

import pytest

from flowkit.basics.counted import counted
from flowkit.cli import display as display_module
from flowkit.cli.display import Display, LineDisplay, done_of, summary
from flowkit.cli.output import print_table, say, seconds
from flowkit.core.run_record import RunRecord
from flowkit.core.states import RunState
from flowkit.processes.daemon_output import Line


def record(total: int, **counts: int) -> RunRecord:
    return RunRecord("r", "dag", "digest", RunState.RUNNING, total, 0, counts=counts)


def test_shown_text_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[31m[red]")
    assert capsys.readouterr().out == "\\x1b[31m[red]\n"


def test_a_piped_table_is_columns_and_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["TASK", "RESULT"], [["a", "1"], ["[red]x\t", ""], ["long name", "\x1b[2J"]])
    assert capsys.readouterr().out.splitlines() == [
        "TASK       RESULT",
        "a          1",
        "[red]x\\t",
        "long name  \\x1b[2J",
    ]


def test_a_narrow_terminal_breaks_no_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    run = "0123456789abcdef0123"
    print_table(["RUN", "STATE", "ERROR"], [[run, "succeeded", "word " * 12]])
    lines = capsys.readouterr().out.splitlines()
    assert any(run in line and "succeeded" in line for line in lines)


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (None, ""),
        (0.004, "0.00 s"),
        (59.5, "59.50 s"),
        (60, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (7322, "2 h 02 min"),
    ],
)
def test_durations_read_well(length: float | None, shown: str) -> None:
    assert seconds(length) == shown


def test_one_item_is_singular() -> None:
    assert [counted(n, "task") for n in (0, 1, 2)] == ["0 tasks", "1 task", "2 tasks"]


def test_finished_tasks_and_a_note_about_the_rest_are_shown() -> None:
    counts = {"succeeded": 2, "failed": 1, "skipped": 1, "queued": 5, "pending": 9}
    assert done_of(counts) == 4
    assert summary(counts) == ": 5 queued, running or waiting, 1 failed, 1 skipped"
    assert summary({"succeeded": 3}) == ""


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        patch.setattr(display_module.time, "monotonic", lambda: self.now)


def test_piped_progress_is_sparse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line per two seconds and per tenth of the tasks; a slow run still shows life."""
    clock = Clock(monkeypatch)
    shown = LineDisplay(stdout_is_taken=False)

    def look(now: float, done: int) -> str:
        clock.now = now
        shown.look(record(100, succeeded=done))
        return capsys.readouterr().err.strip()

    assert look(101.0, 50) == ""  # too soon
    assert look(102.0, 50) == "50 of 100 tasks have ended (50 %), 25.0/s"
    assert look(110.0, 50) == ""  # nothing new
    assert look(111.0, 55) == ""  # less than a tenth
    assert look(132.0, 55) == "55 of 100 tasks have ended (55 %), 0.2/s"  # after a long silence
    assert look(133.0, 90) == ""
    assert look(134.5, 90) == "90 of 100 tasks have ended (90 %), 14.0/s"


def test_quiet_keeps_errors_and_what_tasks_print(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Display(stdout_is_taken=False)
    quiet.note("a note")
    quiet.look(record(2, succeeded=1))
    quiet.line(Line("worker", "hello"))
    quiet.line(Line("worker", "bad\nthing \x1b[2J", "ERROR"))
    out, err = capsys.readouterr()
    assert out == "hello\n"
    assert err == "worker: ERROR bad\n    thing \\x1b[2J\n"


def test_standard_output_holds_only_the_json_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Display(stdout_is_taken=True).line(Line("worker", "hello"))
    assert capsys.readouterr() == ("", "hello\n")
