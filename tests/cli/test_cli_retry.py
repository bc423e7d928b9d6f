"""``flowkit retry`` starts a task that waits or has failed, and says why it cannot start others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from console import Run
from helpers import wait_until
from json_schema import valid_document


@pytest.fixture
def begin(talk: Run, apps: Path) -> Callable[..., str]:
    """Submit a run of an app, and wait until its tasks are in these states."""

    def submit(app: str, **states: str) -> str:
        run = f"retry-{uuid.uuid4().hex[:8]}"
        done = talk("submit", app, "--run-id", run, "-p", f"ok={apps}/mended")
        assert done.returncode == 0, done.stderr
        wait_until(f"the tasks are {states}", lambda: states.items() <= task_states(talk, run))
        return run

    return submit


def task_states(talk: Run, run: str) -> set[tuple[str, str]]:
    tasks = json.loads(talk("status", run, "--json").stdout)["tasks"]
    return {(task["name"], task["state"]) for task in tasks}


@pytest.mark.promise("sight-12")
def test_a_task_that_waits_an_hour_starts_at_once(
    talk: Run, apps: Path, begin: Callable[..., str]
) -> None:
    run = begin("patient.py:dag", fetch="waiting", second="waiting")
    (apps / "mended").touch()
    one = talk("retry", run, "fetch", "--json")
    document = valid_document(one.stdout, "flowkit/retry/1")
    assert (document["tasks"], document["resumed"]) == (["fetch"], False)
    wait_until("it went on", lambda: ("stores", "succeeded") in task_states(talk, run))
    assert ("second", "waiting") in task_states(talk, run)
    rest = talk("retry", run)
    assert rest.stdout == f"Run {run} retries 1 task: 'second'.\n"
    assert talk("result", run, "--wait").returncode == 0


def test_it_waits_for_the_end_if_asked_to(talk: Run, apps: Path, begin: Callable[..., str]) -> None:
    run = begin("patient.py:dag", fetch="waiting", second="waiting")
    (apps / "mended").touch()
    done = talk("retry", run, "--wait", "--timeout", "30")
    assert done.returncode == 0, done.stderr
    assert "stores  'fetched'" in done.stdout


@pytest.mark.promise("sight-12")
def test_a_failed_task_of_a_run_that_is_over(talk: Run, apps: Path) -> None:
    run = f"retry-{uuid.uuid4().hex[:8]}"
    talk("submit", "failing.py", "--run-id", run, "-p", f"ok={apps}/mended", "--wait")
    wrong = talk("retry", run, "before")
    assert wrong.returncode == 4
    assert f"task 'before' of run '{run}' has succeeded" in wrong.stderr
    assert f"'flowkit resume {run} --from-task before'" in wrong.stderr
    other = talk("retry", run, "behind")
    assert "Retry the task before it that failed" in other.stderr
    unknown = talk("retry", run, "brakes")
    assert unknown.returncode == 4
    assert "Did you mean 'breaks'?" in unknown.stderr
    (apps / "mended").touch()
    done = talk("retry", run, "breaks")
    assert done.stdout == f"Resumed run {run} from 1 task: 'breaks'.\n"
    assert talk("result", run, "--wait").returncode == 0
    nothing = talk("retry", run)
    assert nothing.returncode == 4
    assert f"run '{run}' succeeded, so there is nothing to retry" in nothing.stderr


def test_a_failed_task_while_the_others_continue(
    talk: Run, apps: Path, begin: Callable[..., str]
) -> None:
    run = begin("patient.py:branches", breaks="failed", slowly="waiting")
    refused = talk("retry", run, "breaks")
    assert refused.returncode == 4
    assert "has failed for good, and the run is not over yet" in refused.stderr
    assert f"'flowkit retry {run} breaks'" in refused.stderr
    upstream = talk("retry", run, "behind")
    assert "a task before it failed: only a task that has failed or waits" in upstream.stderr
    (apps / "mended").touch()
    assert talk("retry", run, "--wait").returncode == 1, "slowly succeeds, breaks stays failed"
    assert talk("retry", run, "--wait").returncode == 0, "now breaks is retried"
