"""``flowkit purge`` deletes runs that are over, and says before what it will delete."""

from __future__ import annotations

import shutil
import socket
import tempfile
import uuid
from pathlib import Path

import pytest
from console import Run, RunningSystem, run_on_terminal
from forker import Forker
from json_schema import valid_document


@pytest.fixture
def runs(talk: Run) -> list[str]:
    """Three runs of which the last has failed."""
    names = [f"purge-{uuid.uuid4().hex[:8]}" for _ in range(3)]
    for name, app in zip(names, ("chain.py", "chain.py", "failing.py"), strict=True):
        talk("submit", app, "--run-id", name, "--wait")
    return names


def are_there(talk: Run, runs: list[str]) -> list[bool]:
    return [talk("status", run).returncode == 0 for run in runs]


@pytest.mark.promise("sight-13")
def test_without_a_terminal_it_only_deletes_what_is_confirmed(talk: Run, runs: list[str]) -> None:
    shown = talk("purge", "--older-than", "0", "--dag", "failing", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("1 run of DAG failing that ended: 1 failed; about ")
    assert are_there(talk, runs) == [True, True, True]
    refused = talk("purge", "--older-than", "0", "--dag", "failing")
    assert refused.returncode == 2
    assert "To delete 1 run without a confirmation, give --yes" in refused.stderr
    assert are_there(talk, runs) == [True, True, True]
    done = talk("purge", "--older-than", "0s", "--dag", "failing", "--yes")
    assert done.stdout.splitlines()[-1] == "Deleted 1 run."
    assert are_there(talk, runs) == [True, True, False]
    nothing = talk("purge", "--older-than", "0", "--dag", "failing", "--yes")
    assert nothing.stderr == "There are no runs of DAG failing that ended.\n"
    assert nothing.returncode == 0


def test_the_oldest_go_first_and_the_young_stay(talk: Run, runs: list[str]) -> None:
    young = talk("purge", "--yes")
    assert young.stderr == "There are no runs that ended more than 24 h 00 min ago.\n"
    words = ["purge", "--older-than", "0", "--limit", "1", "--yes", "--json"]
    document = valid_document(talk(*words).stdout, "flowkit/purge/1")
    assert (document["deleted"], document["more"], document["dry_run"]) == (1, True, False)
    assert document["items"][0]["state"] == "succeeded"
    left = valid_document(talk(*words[:3], "--dry-run", "--json").stdout, "flowkit/purge/1")
    assert document["items"][0] not in left["items"]


@pytest.mark.promise("sight-13")
def test_a_run_that_is_not_over_stays(talk: Run, apps: Path) -> None:
    run = f"purge-{uuid.uuid4().hex[:8]}"
    talk("submit", "slow.py", "--run-id", run, "-p", f"mark={apps}/mark")
    done = talk("purge", "--older-than", "0", "--dag", "slow", "--yes")
    assert done.stdout == ""
    wrong = talk("purge", "--state", "failed,running")
    assert wrong.returncode == 2
    assert "'running' is not a state in which a run is over: cancelled, failed" in wrong.stderr
    talk("cancel", run, "--wait")
    done = talk("purge", "--older-than", "0", "--state", "cancelled, failed", "--yes")
    assert "1 cancelled" in done.stdout


def test_a_person_is_asked(
    talk: Run, runs: list[str], running: RunningSystem, environ: dict[str, str], forker: Forker
) -> None:
    """The terminal of the test answers nothing, so it is as if the person had left."""
    words = ("purge", "--older-than", "0", "--dry-run")
    code, shown = run_on_terminal(*words, environ={**environ, **running.variables}, forker=forker)
    assert code == 0
    assert " succeeded" in shown


def test_what_a_killed_command_left(flowkit: Run) -> None:
    """It is only shown here: /tmp may hold what other tests on this machine have left."""
    place = Path(tempfile.mkdtemp(prefix="left-", dir="/tmp"))
    folder = place / "flowkit-abcd1234"
    folder.mkdir(0o700)

    def shown() -> list[str]:
        words = ("purge", "--left-behind", "--dry-run", "--json")
        done = flowkit(*words, TMPDIR=str(place))
        document = valid_document(done.stdout, "flowkit/left-behind/1")
        assert (document["dry_run"], document["deleted"]) == (True, 0)
        return [name for name in document["folders"] if name.startswith(str(place))]

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "redis.sock"))
        listener.listen()
        assert shown() == [], "a server listens"
    assert shown() == [str(folder)]
    assert folder.exists()
    shutil.rmtree(place)


def test_options_that_select_runs_are_refused_beside_left_behind(flowkit: Run) -> None:
    for words in (("--state", "failed"), ("--dag", "etl")):
        refused = flowkit("purge", "--left-behind", "--dry-run", *words)
        assert refused.returncode == 2
        assert "leave out --state and --dag" in refused.stderr
