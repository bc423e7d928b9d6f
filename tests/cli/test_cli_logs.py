"""``flowkit logs`` shows what tasks printed, escaped, and finds a run by part of its id."""

from __future__ import annotations

import json
import uuid

import pytest
from console import Run
from json_schema import valid_document


def submitted(talk: Run, app: str) -> str:
    run = f"logs-{uuid.uuid4().hex[:8]}"
    done = talk("submit", app, "--run-id", run, "--wait")
    assert done.returncode in (0, 1), done.stderr
    return run


@pytest.mark.promise("sight-3")
def test_the_lines_of_a_run_and_of_one_task(talk: Run) -> None:
    run = submitted(talk, "chain.py")
    done = talk("logs", run)
    assert done.stdout.endswith(" first: hello from first\n")
    assert done.returncode == 0
    done = talk("logs", run[:-1], "first", "--follow")
    assert done.stdout.endswith(" hello from first\n")
    document = valid_document(talk("logs", "last", "first", "--json").stdout, "flowkit/log-line/1")
    assert (document["text"], document["stream"]) == ("hello from first", "stdout")


def test_no_line_is_said_to_be_none(talk: Run) -> None:
    run = submitted(talk, "chain.py")
    for words in (("second",), ("first", "--attempt", "2"), ("--level", "error")):
        done = talk("logs", run, *words)
        assert (done.returncode, done.stdout) == (0, "")
        assert "No such lines are stored. Workers keep what tasks print unless" in done.stderr


def test_what_a_task_prints_does_not_reach_the_terminal_raw(talk: Run) -> None:
    run = submitted(talk, "hostile.py")
    done = talk("logs", run)
    assert "[red]x[/red]: told \\x9b31m \\u202e\n" in done.stdout
    text = json.loads(talk("logs", run, "--json").stdout)["text"]
    assert text == "told \x9b31m \u202e"


def test_an_unknown_task_is_named(talk: Run) -> None:
    run = submitted(talk, "chain.py")
    done = talk("logs", run, "frist")
    assert done.returncode == 4
    assert "frist" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_options_are_refused(talk: Run) -> None:
    for words in (("--tail", "0"), ("--attempt", "0"), ("--level", "loud"), ("--since", "soon")):
        assert talk("logs", "last", *words).returncode == 2


def test_a_history_without_events_is_said_to_be_none(talk: Run) -> None:
    run = submitted(talk, "chain.py")
    done = talk("history", run, "--since", "0.001s")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "Nothing that happened to the run in this time is stored.\n"
