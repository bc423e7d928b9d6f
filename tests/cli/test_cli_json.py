"""Each command prints the JSON document that docs/reference/json.md describes, and no other."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import click
import pytest
from console import Run
from json_schema import all_documents, misfits, valid_document

from flowkit import cli
from flowkit.client.documents.runs import Submitted

# Command → its schema. Played below, or by the test named there.
SCHEMAS = {
    "run": "flowkit/run-end/1",
    "submit": "flowkit/submitted/1",
    "status": "flowkit/status/1",
    "watch": "flowkit/run-end/1",
    "why": "flowkit/why/1",
    "result": "flowkit/results/1",
    "history": "flowkit/history/1",
    "logs": "flowkit/log-line/1",
    "cancel": "flowkit/changed/1",
    "resume": "flowkit/changed/1",
    "retry": "flowkit/retry/1",  # test_cli_retry
    "ls": "flowkit/runs/1",
    "delete": "flowkit/deleted/1",
    "purge": "flowkit/purge/1",  # test_cli_purge
    "dags": "flowkit/dags/1",
    "usage": "flowkit/usage/1",
    "workers": "flowkit/workers/1",
    "queues": "flowkit/queues/1",
    "doctor": "flowkit/doctor/1",
    "top": "flowkit/top/1",
    "dead ls": "flowkit/dead/1",
    "dead show": "flowkit/dead-task/1",
    "dead retry": "flowkit/changed/1",
    "params": "flowkit/params/1",
    "graph": "flowkit/graph/1",
    "export": "flowkit/recording/1",
}


@pytest.mark.promise("sight-15")
def test_every_command_with_json_has_a_schema() -> None:
    with_json = set()
    with click.Context(cli.main) as context:
        for name in cli.main.list_commands(context):
            command = cli.main.get_command(context, name)
            inner = command.commands if isinstance(command, click.Group) else {"": command}
            for word, one in inner.items():
                if one is not None and any(param.name == "as_json" for param in one.params):
                    with_json.add(f"{name} {word}".strip())
    assert with_json == set(SCHEMAS)
    # of an option, and of the API of the dashboard
    others = {"flowkit/left-behind/1", "flowkit/error/1", "flowkit/session/1"}
    others |= {"flowkit/log-part/1", "flowkit/task/1", "flowkit/result/1"}
    others |= {"flowkit/run-columns/1", "flowkit/run-header/1", "flowkit/items/1"}
    others |= {"flowkit/graph-plan/1", "flowkit/task-activity/1", "flowkit/queue-depths/1"}
    others |= {"flowkit/acted/1", "flowkit/run-counts/1", "flowkit/attempt-columns/1"}
    others |= {"flowkit/form/1"}
    others |= {"flowkit/changed-runs/1"}  # of cancel and resume with filters
    assert {*SCHEMAS.values(), *others} == set(all_documents())


@pytest.fixture
def failed(talk: Run) -> str:
    run = f"json-{uuid.uuid4().hex[:8]}"
    done = talk("submit", "failing.py", "--run-id", run, "--wait", "--json")
    document = valid_document(done.stdout, SCHEMAS["run"])
    assert document["error"]["task"] == "breaks"
    return run


@pytest.mark.promise("sight-15")
def test_lists_and_states(talk: Run, failed: str) -> None:
    for words in (
        ["ls"],
        ["workers"],
        ["queues"],
        ["dags"],
        ["usage"],
        ["dead", "ls"],
        ["status", failed],
    ):
        name = " ".join(words[:2] if words[0] == "dead" else words[:1])
        document = valid_document(talk(*words, "--json").stdout, SCHEMAS[name])
        assert document.get("items", document.get("tasks")), name
    valid_document(talk("status", failed, "--no-tasks", "--json").stdout, SCHEMAS["status"])
    tasks = talk("dags", "failing", "--json")
    assert valid_document(tasks.stdout, "flowkit/task-activity/1")["items"]
    shown = talk("dead", "show", failed, "breaks", "--json")
    assert valid_document(shown.stdout, SCHEMAS["dead show"])["task"] == "breaks"
    told = valid_document(talk("history", failed, "--json").stdout, SCHEMAS["history"])
    assert [item["task"] for item in told["items"] if item["outcome"] == "failed"] == [
        "breaks",
        "breaks",
    ]
    assert told["items"][0]["by"].endswith(" via cli")
    drawn = valid_document(talk("graph", failed, "--json").stdout, SCHEMAS["graph"])
    assert {task["name"]: task["state"] for task in drawn["tasks"]}["breaks"] == "failed"
    recorded = valid_document(talk("export", failed, "--json").stdout, SCHEMAS["export"])
    assert [attempt["task"] for attempt in recorded["attempts"]][:2] == ["before", "breaks"]
    results = valid_document(talk("result", failed, "--json").stdout, SCHEMAS["result"])
    assert results["results"] == {"before": "kept"}
    assert json.loads(talk("result", failed, "before", "--json").stdout) == "kept"


def test_changes(talk: Run, failed: str, apps: Path) -> None:
    for words in (["resume", failed], ["dead", "retry", failed]):
        name = " ".join(word for word in words if word != failed)
        done = talk(*words, "--json")
        if done.returncode == 0:
            assert valid_document(done.stdout, SCHEMAS[name])["run_id"] == failed
        talk("result", failed, "--wait")
    slow = talk("submit", "slow.py", "-p", f"mark={apps}/begun", "--json")
    run = valid_document(slow.stdout, SCHEMAS["submit"])["run_id"]
    done = talk("cancel", run, "--wait", "--json")
    assert valid_document(done.stdout, SCHEMAS["cancel"])["state"] == "cancelled"
    deleted = talk("delete", run, "gone", "--yes", "--json")
    outcomes = valid_document(deleted.stdout, SCHEMAS["delete"])["items"]
    assert [item["outcome"] for item in outcomes] == ["deleted", "missing"]


@pytest.mark.slow
def test_without_a_system(flowkit: Run) -> None:
    done = flowkit("run", "chain.py", "--quiet", "--json")
    assert valid_document(done.stdout, SCHEMAS["run"])["error"] is None
    document = valid_document(flowkit("params", "chain.py", "--json").stdout, SCHEMAS["params"])
    assert [entry["name"] for entry in document["run"]] == ["size", "word"]
    drawn = valid_document(flowkit("graph", "chain.py", "--json").stdout, SCHEMAS["graph"])
    assert drawn["edges"] == [{"upstream": "first", "downstream": "second", "data": True}]
    assert drawn["tasks"][0] == {"name": "first", "state": None}
    assert flowkit("graph", "chain.py", "--json", "--format", "dot").returncode == 2


def test_the_comparison_finds_what_is_wrong() -> None:
    """Otherwise the tests above would prove nothing."""
    assert list(misfits({"run_id": "a", "dag": "b"}, Submitted)) == []
    assert "other fields: {'dag'}" in next(misfits({"run_id": "a"}, Submitted))
    assert "other fields: {'x'}" in next(misfits({"run_id": "a", "dag": "b", "x": 1}, Submitted))
    assert "is 1, not" in next(misfits({"run_id": 1, "dag": "b"}, Submitted))
    assert "is True, not" in next(misfits(True, int | None))
    assert "is no list" in next(misfits({}, list[int]))
    assert "[1] is '2', not" in next(misfits([1, "2"], list[int]))
