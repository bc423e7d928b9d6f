"""Cached results and runs that are run again from a task on, as the command line shows them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from console import Run


@pytest.fixture
def version() -> str:
    """A parameter that no run has had before."""
    return uuid.uuid4().hex


def made(talk: Run, version: str) -> str:
    """Have a run made, and return its id."""
    done = talk("submit", "reused.py", "-p", f"version={version}", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["results"] == {"source": version, "copy": version}
    run: str = document["run_id"]
    return run


def tasks(talk: Run, run: str) -> dict[str, tuple[Any, ...]]:
    """Return task name → (state, whether it was cached, attempt)."""
    document = json.loads(talk("status", run, "--json").stdout)
    return {
        item["name"]: (item["state"], item["cached"], item["attempt"]) for item in document["tasks"]
    }


def test_status_shows_what_came_from_the_cache(talk: Run, version: str) -> None:
    first, second = made(talk, version), made(talk, version)
    plain, cached = ("succeeded", False, 1), ("succeeded", True, 1)
    assert tasks(talk, first) == {"source": plain, "copy": plain}
    assert tasks(talk, second) == {"source": cached, "copy": plain}
    shown = talk("status", second).stdout.splitlines()
    assert [line.split()[:3] for line in shown[-2:]] == [
        ["source", "succeeded", "(cached)"],
        ["copy", "succeeded", "1"],
    ]
    assert shown[5].split(maxsplit=1) == ["Tasks:", "2: 2 succeeded"]


def test_a_succeeded_run_is_rerun_from_a_given_task(talk: Run, version: str) -> None:
    made(talk, version)
    run = made(talk, version)
    done = talk("resume", run, "--from-task", "source", "--wait")
    assert done.returncode == 0, done.stderr
    assert f"copy    '{version}'" in done.stdout
    again = ("succeeded", False, 2)
    assert tasks(talk, run) == {"source": again, "copy": again}, "nothing of it from the cache"

    done = talk("resume", run, "--from-task", "copy", "--from-task", "copy", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"] == {"source": version, "copy": version}
    assert tasks(talk, run) == {"source": again, "copy": ("succeeded", False, 3)}


def test_without_a_task_a_succeeded_run_does_not_change(talk: Run, version: str) -> None:
    run = made(talk, version)
    done = talk("resume", run)
    assert done.returncode == 4
    assert f"run '{run}' succeeded" in done.stderr
    assert "name a task to resume it from" in done.stderr


def test_an_unknown_task_is_refused_before_anything_changes(talk: Run, version: str) -> None:
    run = made(talk, version)
    before = tasks(talk, run)
    done = talk("resume", run, "--from-task", "sorce")
    assert done.returncode == 4
    assert f"run '{run}' has no task 'sorce'" in done.stderr
    assert "Did you mean 'source'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert tasks(talk, run) == before
    unknown = talk("resume", "no-run", "--from-task", "source")
    assert unknown.returncode == 4
    assert "there is no run 'no-run'" in unknown.stderr
