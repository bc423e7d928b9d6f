"""Lists have filters and a limit, say how much more there is, and fit the terminal."""

from __future__ import annotations

import json
import uuid

import pytest
from console import Run
from json_schema import valid_document

from flowkit.cli.output import print_table


@pytest.fixture
def wide(talk: Run) -> str:
    """A run of 62 tasks that succeeded."""
    run = f"wide-{uuid.uuid4().hex[:8]}"
    assert talk("submit", "wide.py", "--run-id", run, "--wait").returncode == 0
    return run


@pytest.fixture
def failed(talk: Run) -> str:
    run = f"failed-{uuid.uuid4().hex[:8]}"
    assert talk("submit", "failing.py", "--run-id", run, "--wait").returncode == 1
    return run


def tasks_of(talk: Run, *words: str) -> list[str]:
    document = valid_document(talk("status", *words, "--json").stdout, "flowkit/status/1")
    return [task["name"] for task in document["tasks"]]


def test_tasks_are_chosen_by_state_and_name(talk: Run, wide: str, failed: str) -> None:
    assert tasks_of(talk, failed) == ["breaks", "behind", "before"], "failed first"
    assert tasks_of(talk, failed, "--state", "failed") == ["breaks"]
    states = ("--state", "succeeded, upstream_failed,cancelled")
    assert tasks_of(talk, failed, *states) == ["behind", "before"]
    assert tasks_of(talk, wide, "--task", "leaf_1*") == [
        "leaf_1",
        *(f"leaf_1{n}" for n in range(10)),
    ]
    assert tasks_of(talk, wide, "--task", "root", "--task", "total") == ["root", "total"]
    none = talk("status", wide, "--state", "failed")
    assert "No task matches." in none.stderr
    wrong = talk("status", wide, "--state", "failing")
    assert wrong.returncode == 2
    assert "'upstream_failed', 'cancelled'" in wrong.stderr


def test_the_number_of_tasks_is_limited(talk: Run, wide: str) -> None:
    shown = talk("status", wide, "--limit", "5")
    assert shown.stdout.count(" succeeded ") == 5
    assert "… and 57 more; --all shows them." in shown.stderr
    words = ("status", wide, "--task", "leaf_*", "--limit", "5", "--json")
    document = valid_document(talk(*words).stdout, "flowkit/status/1")
    assert (len(document["tasks"]), document["matching"], document["more"]) == (5, 60, True)
    assert len(tasks_of(talk, wide)) == 62, "all, without a limit"
    assert talk("status", wide, "--limit", "5", "--all").returncode == 2


def test_runs_beyond_the_limit_are_counted(talk: Run, wide: str, failed: str) -> None:
    document = valid_document(talk("ls", "--limit", "1", "--json").stdout, "flowkit/runs/1")
    assert (len(document["items"]), document["more"]) == (1, True)
    assert document["matching"] >= 2
    shown = talk("ls", "--limit", "1")
    assert f"… and {document['matching'] - 1:,} more; --limit shows them." in shown.stderr
    found = valid_document(talk("ls", "--dag", "wide", "--json").stdout, "flowkit/runs/1")
    assert (found["matching"], found["more"]) == (len(found["items"]), False)
    assert talk("submit", "wide.py", "--wait").returncode == 0
    some = talk("ls", "--dag", "wide", "--limit", "1")
    assert "… and more; --limit shows them." in some.stderr


def test_a_list_of_runs_continues_and_is_searched(talk: Run, wide: str, failed: str) -> None:
    first = valid_document(talk("ls", "--limit", "1", "--json").stdout, "flowkit/runs/1")
    assert f"To continue: --before {first['next']}" in talk("ls", "--limit", "1").stderr
    words = ("--before", first["next"], "--limit", "1", "--json")
    second = valid_document(talk("ls", *words).stdout, "flowkit/runs/1")
    assert (first["items"][0]["run_id"], second["items"][0]["run_id"]) == (failed, wide)
    for words in (["--text", wide], ["--text", "WIDE", "--limit", "1"]):
        assert talk("ls", *words).stdout.split()[6] == wide
    assert talk("ls", "-p", "no=such").stderr == "There are no such runs.\n"
    assert talk("ls", "--until", "7d").stderr == "There are no such runs.\n"
    for wrong in (["--before", "x"], ["-p", "x"], ["--until", "soon"]):
        assert talk("ls", *wrong).returncode == 2


def test_dead_letters_beyond_the_limit(talk: Run, failed: str) -> None:
    assert talk("submit", "failing.py", "--wait").returncode == 1
    words = ("dead", "ls", "--limit", "1", "--json")
    document = valid_document(talk(*words).stdout, "flowkit/dead/1")
    assert (len(document["items"]), document["more"], document["matching"]) == (1, True, None)


def test_workers_are_chosen_by_queue_host_and_app(talk: Run) -> None:
    (worker,) = json.loads(talk("workers", "--json").stdout)["items"]
    for option, value in (
        ("--queue", worker["queues"][0]),
        ("--host", worker["host"]),
        ("--app", worker["app"]),
    ):
        document = valid_document(
            talk("workers", option, value, "--json").stdout, "flowkit/workers/1"
        )
        assert document["items"] == [{**worker, **_changing(document["items"][0])}]
        other = talk("workers", option, "other")
        assert (other.returncode, other.stdout) == (0, "")
        assert "No such worker is running" in other.stderr


def _changing(worker: dict[str, object]) -> dict[str, object]:
    return {name: worker[name] for name in ("busy", "busy_async", "ended_per_minute", "waiting")}


def test_usage_of_one_dag(talk: Run, wide: str, failed: str) -> None:
    document = valid_document(talk("usage", "--dag", "wide", "--json").stdout, "flowkit/usage/1")
    assert [entry["dag"] for entry in document["items"]] == ["wide"]
    assert talk("usage", "--dag", "no").stderr == "There are no runs of DAG no.\n"


def test_parameters_of_one_task(flowkit: Run) -> None:
    words = ("params", "chain.py", "--task", "second", "--json")
    document = valid_document(flowkit(*words).stdout, "flowkit/params/1")
    assert [entry["name"] for entry in document["run"]] == ["word"]
    some = flowkit("params", "chain.py", "--limit", "1")
    assert len(some.stdout.splitlines()) == 2
    assert "… and 1 more; --limit shows them." in some.stderr
    none = flowkit("params", "chain.py", "--task", "third")
    assert none.stdout == "Task 'third' takes no run parameters.\n"


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_a_table_fits_the_terminal_and_loses_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    run, error = "0123456789abcdef0123", "ConnectionError: the server does not answer"
    headers = ["RUN", "STATE", "ATTEMPT", "DURATION", "WORKER", "VERSION", "ERROR"]
    row = [run, "succeeded (cached)", "1", "1 min 02 s", "0123456789ab.0", "", error]
    print_table(headers, [row])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= columns for line in lines)
    assert lines[1].startswith(run)
    text = "".join("".join(line.split()) for line in lines)
    assert "VERSION" not in text, "a column without text is left out"
    assert sorted(text) == sorted("".join("".join(headers[:5] + headers[6:] + row).split()))
