"""Text from outside steers no terminal, wherever the command line shows it.

What the library shows is in tests/library/test_harmless_text.py; whole commands on a terminal are
in test_cli_corrupt_data.py.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import click
import pytest
from nasty import NASTY, forged, harmful

from flowkit.cli import main
from flowkit.cli.dev import _print_line
from flowkit.cli.display import Display, LineDisplay
from flowkit.cli.live_display import LiveDisplay
from flowkit.cli.make_display import make_display
from flowkit.cli.output import fail, note, print_damaged, print_table, say, say_indented
from flowkit.cli.print_json import print_value
from flowkit.cli.results import headline, show_error
from flowkit.core.run_record import RunRecord
from flowkit.core.states import RunState
from flowkit.daemon.options import end_as
from flowkit.exceptions import StoreError, TaskExecutionError
from flowkit.processes.daemon_output import Line
from flowkit.protocol.listings import DamagedItem

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch
nasty = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())


class Terminal(io.StringIO):
    """A stream that a terminal shows."""

    def isatty(self) -> bool:
        return True


def on_terminal(patch: Patch, show: Callable[[str], object], text: str) -> str:
    """Return what a terminal without colors is sent on both streams."""
    streams = Terminal(), Terminal()
    patch.setenv("TERM", "dumb")
    patch.setattr(sys, "stdout", streams[0])
    patch.setattr(sys, "stderr", streams[1])
    show(text)
    shown = "".join(stream.getvalue() for stream in streams)
    return shown.replace("\x1b[?25l", "").replace("\x1b[?25h", "")  # the bar hides the cursor


def record(name: str) -> RunRecord:
    counts = {"failed": 1}
    return RunRecord("r", name, "digest", RunState.RUNNING, 3, 0, counts=counts)


def failed(text: str) -> TaskExecutionError:
    return TaskExecutionError(text, text, text, f"Traceback\n{text}")


def refuse(text: str) -> None:
    def daemon() -> int:
        raise StoreError(text)

    with pytest.raises(SystemExit):
        end_as(daemon)


def told_by(display: Callable[..., Display], text: str) -> None:
    with display(stdout_is_taken=False).following(None) as shown:
        shown.note(f"note: {text}")
        shown.line(Line("worker", text, "ERROR"))
        shown.look(record(text))


# Each of these forges no line, wherever the text stands in what is shown.
PLACES: dict[str, Callable[[str], object]] = {
    "fail": fail,
    "say_indented": say_indented,
    "a table": lambda text: print_table(["NAME", "OTHER"], [[text, text], ["x", text]]),
    "damage": lambda text: print_damaged([DamagedItem(text, text)], "RUN"),
    "JSON": lambda text: print_value({text: [text, text.encode("utf-8", "replace")]}),
    "a headline": lambda text: note(headline(record(text))),
    "the error of a run": lambda text: show_error(failed(text)),
    "a line of a daemon in dev": lambda text: _print_line(Line("worker", text, "ERROR")),
}
# These show text of several lines, which callers indent where it is not their own.
LINES: dict[str, Callable[[str], object]] = {
    "say": say,
    "note": note,
    "an unfit Redis": refuse,
    "output in dev": lambda text: _print_line(Line("worker", text)),
    "errors in dev": lambda text: _print_line(Line("worker", text, is_error=True)),
    "output of a task": lambda text: Display(stdout_is_taken=False).line(Line("worker", text)),
    "a quiet display": lambda text: told_by(Display, text),
    "a display of lines": lambda text: told_by(LineDisplay, text),
    "a live view": lambda text: told_by(LiveDisplay, text),
}


@pytest.mark.parametrize("place", [*PLACES, *LINES])
def test_nothing_steers_the_terminal(place: str, monkeypatch: Patch) -> None:
    for name, text in NASTY.items():
        shown = on_terminal(monkeypatch, (PLACES | LINES)[place], text)
        assert shown, name
        assert harmful(shown.replace("\r", "")) == [], name
        assert place in LINES or forged(shown) == [], name


@nasty
def test_output_to_a_file_is_unchanged_while_errors_go_to_a_terminal(
    text: str, monkeypatch: Patch
) -> None:
    """``flowkit run app.py > results``: the display took both for a terminal, or none."""
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    for as_json in (False, True):
        display = make_display(quiet=False, as_json=as_json)
        display.line(Line("worker", text))
        display.line(Line("worker", text, is_error=True))
    assert out.getvalue() == text + "\n"
    assert harmful(err.getvalue()) == []
    assert err.getvalue().count("FORGED" if "FORGED" in text else "\n") >= 3


@nasty
def test_json_is_ascii_with_the_same_content(text: str, capsys: Capture) -> None:
    print_value({"name": text})
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert harmful(shown) == []
    assert json.loads(shown) == {"name": text}


@nasty
@pytest.mark.parametrize(
    "words",
    [
        ("--{}",),
        ("{}",),
        ("ls", "--{}"),
        ("ls", "{}"),
        ("ls", "--state", "{}"),
        ("status", "{}"),
        ("dead", "{}"),
    ],
    ids=" ".join,
)
def test_words_of_the_command_line(text: str, words: tuple[str, ...], capsys: Capture) -> None:
    """A script may take them from a list that others have written."""
    with pytest.raises(SystemExit) as ended:
        main([word.replace("{}", text) for word in words])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "Error: " in shown
    assert harmful(shown) == []


def test_an_error_that_escapes_is_shown_escaped(capsys: Capture, monkeypatch: Patch) -> None:
    hook = sys.excepthook
    try:
        with pytest.raises(SystemExit):
            main(["--version"])
        sys.excepthook(ValueError, ValueError("\x1b[2J"), None)
    finally:
        sys.excepthook = hook
    assert capsys.readouterr().err == "ValueError: \\x1b[2J\n"


@pytest.mark.parametrize("value", [10**5000, [10**5000], {10**5000}, {"a": -(10**5000)}], ids=type)
def test_a_number_that_python_does_not_spell(value: Any, capsys: Capture) -> None:
    """The results of a run could not be shown."""
    from flowkit.cli.result import _show_task

    handle: Any = SimpleNamespace(run_id="r", result=lambda task, lenient: value)
    _show_task(handle, "task", as_json=False)
    assert capsys.readouterr().out.startswith("<")
    _show_task(handle, "task", as_json=True)
    assert "0x" in capsys.readouterr().out


def test_messages_of_click_are_always_escaped() -> None:
    from flowkit.cli import _escaped_usage_errors

    with pytest.raises(click.UsageError) as caught, _escaped_usage_errors():
        raise click.UsageError("\x1b[2J")
    assert caught.value.format_message() == "\\x1b[2J"
