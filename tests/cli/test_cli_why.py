"""``flowkit why`` on a running system: what holds a run up, how it ended, and in JSON."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from console import Run
from helpers import wait_until
from json_schema import valid_document


def failed(talk: Run) -> str:
    run = f"why-{uuid.uuid4().hex[:8]}"
    talk("submit", "failing.py", "--run-id", run, "--wait")
    return run


@pytest.mark.promise("sight-8")
def test_a_failed_run_says_what_began_it_and_what_continues_it(talk: Run) -> None:
    run = failed(talk)
    done = talk("why", run)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith("The run failed ")
    assert "It began with task 'breaks', which failed" in first
    assert second == f"What helps: flowkit resume {run}"
    document = valid_document(talk("why", run, "--json").stdout, "flowkit/why/1")
    assert document["failure"]["task"] == "breaks"
    assert document["over"] is True
    assert document["causes"] == []
    task = valid_document(talk("why", run, "breaks", "--json").stdout, "flowkit/why/1")
    assert task["state"] == "failed"


def test_an_unknown_task_or_run_is_one_sentence(talk: Run) -> None:
    run = failed(talk)
    for words in (("why", run, "nothing"), ("why", "no-such-run")):
        done = talk(*words)
        assert done.returncode == 4
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr


@pytest.mark.promise("sight-7")
def test_a_running_run_says_what_it_does_and_then_that_it_stops(talk: Run, apps: Path) -> None:
    mark = apps / "begun"
    run = talk("submit", "slow.py", "-p", f"mark={mark}").stdout.strip()
    wait_until("it has begun", mark.exists)
    done = talk("why", run)
    assert "is running on" in done.stdout
    document = valid_document(talk("why", run, "--json").stdout, "flowkit/why/1")
    (cause, *_) = document["causes"]
    assert (cause["cause"], cause["by"]) == ("running", "worker")
    talk("cancel", run, "--wait")
    assert talk("why", run).stdout.startswith("The run was cancelled ")
