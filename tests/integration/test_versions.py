"""Workers of two versions of an app on one queue: a mixed run says so, a pinned one waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import versioned_app as app
from helpers import wait_until
from real_system import Process, System

from flowkit import DAG, TaskExecutionError
from flowkit.core.states import TaskState

APP = str(Path(__file__).parent / "versioned_app.py")


def worker(system: System, version: str, *options: str) -> Process:
    words = ["--version", version] if version else []
    return system.worker("--processes", "1", *words, *options, app=APP, VERSIONED=version)


def both(system: System) -> None:
    system.scheduler()
    worker(system, "old")
    worker(system, "new")
    with system.client() as client:
        wait_until(
            "the versions are known",
            lambda: {item.app_version for item in client.workers()} == {"old", "new"},
        )


def many(number: int = 20, *, pin: bool = False) -> DAG:
    dag = DAG("versioned", pin_version=pin)
    for at in range(number):
        dag.add(app.says.bind(f"says{at}"))
    return dag


def test_a_run_of_two_versions_says_so(system: System) -> None:
    both(system)
    with system.client(app_version="old") as client:
        run = client.submit(many())
        assert set(run.wait_results(60).values()) == {"old", "new"}
        status = run.status()
        results = run.results()
    assert status.mixed_versions
    assert status.app_versions == ["new", "old"]
    assert status.submitted_version == "old"
    assert {task.name: task.app_version for task in status.tasks} == results
    scheduler = system.processes[0]
    scheduler.says(f"Run {run.run_id} of DAG versioned mixes versions of the code")
    assert scheduler.log.count("mixes versions") == 1


def test_a_pinned_run_runs_its_version_only(system: System) -> None:
    both(system)
    dag = many(pin=True)
    dag.add(app.fails_first)
    with system.client(app_version="new") as client:
        runs = [client.submit(dag) for _ in range(3)]
        for run in runs:
            assert set(run.wait_results(60).values()) == {"new"}
            status = run.status()
            assert status.app_versions == ["new"]
            assert status.pinned_version == "new"
            assert not status.mixed_versions
    assert "mixes versions" not in system.processes[0].log


def test_a_pinned_run_waits_for_its_version_and_says_so(system: System) -> None:
    system.scheduler()
    worker(system, "old")
    with system.client(app_version="new") as client:
        wait_until("it is there", lambda: any(item.app_version for item in client.workers()))
        run = client.submit(many(2, pin=True))
        wait_until("it says so", lambda: "pinned to version new" in run.status().waiting_for)
        reason = run.status().waiting_for
        assert f"there are old ({APP})" in reason
        assert {task.state for task in run.status().tasks} == {TaskState.QUEUED}
        worker(system, "new")
        assert run.wait_results(60) == {"says0": "new", "says1": "new"}


def test_wrong_arguments_name_both_versions_if_they_differ(system: System) -> None:
    system.scheduler()
    worker(system, "new")
    dag = DAG("changed")
    dag.add(app.takes.bind("takes", number=1))
    for version, is_named in (("old", True), ("new", False)):
        with (
            system.client(app_version=version) as client,
            pytest.raises(TaskExecutionError, match="TypeError") as raised,
        ):
            client.submit(dag).wait_results(60)
        text = "submitted with version old of the code, and this worker has version new"
        assert (text in str(raised.value)) is is_named


@pytest.mark.slow
def test_commands_show_versions(system: System) -> None:
    system.scheduler()
    worker(system, "")
    with system.client() as client:
        wait_until("it is there", lambda: any(item.app_version for item in client.workers()))
        run = client.submit(many(2))
        run.wait_results(60)
        (live,) = client.workers()
    done = {}
    for command in (["workers"], ["status", run.run_id]):
        for json_flag in ([], ["--json"]):
            process = system.run_program(
                "command", ["-m", "flowkit", *command, *json_flag], COLUMNS="300"
            )
            assert process.exit_code() == 0
            done[command[0], bool(json_flag)] = process.log
    version = live.app_version
    assert len(version) == 12
    assert version in done["workers", False]
    assert json.loads(done["workers", True])["items"][0]["app_version"] == version
    assert f"Version:   {version}" in done["status", False]
    document = json.loads(done["status", True])
    assert document["app_versions"] == [version]
    assert document["mixed_versions"] is False
    assert document["tasks"][0]["app_version"] == version
