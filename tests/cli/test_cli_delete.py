"""Deleting runs, and finding those to delete: ``delete``, ``usage``, ``ls``, ``status``."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from console import Run

from flowkit.cli.output import size


@pytest.fixture
def done(talk: Run) -> str:
    """A run that succeeded."""
    name = f"done-{uuid.uuid4().hex[:8]}"
    assert talk("submit", "chain.py", "--run-id", name, "--wait").returncode == 0
    return name


def test_a_run_is_deleted_once_and_deleting_it_again_is_no_error(talk: Run, done: str) -> None:
    first = talk("delete", done, "--yes")
    assert (first.returncode, first.stdout, first.stderr) == (0, f"Deleted run {done}.\n", "")
    again = talk("delete", done, "--yes")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == f"There is no run {done}. Runs are deleted by their whole ids.\n"
    assert talk("status", done).returncode == 4


def test_nothing_is_deleted_unless_it_is_confirmed(talk: Run, done: str) -> None:
    asked = talk("delete", done)
    assert asked.returncode == 2
    assert f"To delete run {done} without a confirmation, give --yes" in asked.stderr
    assert talk("status", done).returncode == 0
    assert "To delete 2 runs without" in talk("delete", done, done + "-2").stderr


def test_a_running_run_is_refused_and_the_others_are_deleted(
    talk: Run, done: str, tmp_path: Path
) -> None:
    running = f"going-{uuid.uuid4().hex[:8]}"
    given = ("slow.py", "--run-id", running, "-p", f"mark={tmp_path / 'mark'}")
    assert talk("submit", *given).returncode == 0
    both = talk("delete", running, done, running, "--yes")
    assert (both.returncode, both.stdout) == (4, f"Deleted run {done}.\n")
    assert both.stderr.startswith(f"Error: run '{running}' is not over yet")
    assert f"'flowkit cancel {running} --wait'" in both.stderr
    assert talk("cancel", running, "--wait").returncode in (0, 1)
    document = talk("delete", running, done, "--yes", "--json")
    assert json.loads(document.stdout)["items"] == [
        {"run_id": running, "outcome": "deleted"},
        {"run_id": done, "outcome": "missing"},
    ]


def test_a_wrong_id_is_refused_before_anything_is_deleted(talk: Run, done: str) -> None:
    assert talk("delete", done, "a b", "--yes").returncode == 2
    assert talk("status", done).returncode == 0


def test_runs_are_listed_by_dag_and_time(talk: Run, done: str) -> None:
    listed = talk("ls", "--dag", "chain", "--state", "succeeded", "--since", "1h", "--json")
    assert done in [run["run_id"] for run in json.loads(listed.stdout)["items"]]
    other = talk("ls", "--dag", "no such", "--state", "failed", "--since", "7d")
    assert (other.returncode, other.stdout) == (0, "")
    assert other.stderr == "There are no failed runs of DAG no such in this time.\n"
    wrong = talk("ls", "--since", "yesterday")
    assert wrong.returncode == 2
    assert "'yesterday' is not a duration: write 90s, 30m, 1h or 7d" in wrong.stderr


def test_usage_counts_runs_by_dag(talk: Run, done: str) -> None:
    shown = talk("usage")
    assert shown.returncode == 0, shown.stderr
    heading, *rows = shown.stdout.splitlines()
    assert heading.split() == ["DAG", "RUNS", "RUNNING", "MEMORY", "LARGEST", "RUN"]
    assert "chain" in [row.split()[0] for row in rows]
    items = json.loads(talk("usage", "--json").stdout)["items"]
    documents = {entry["dag"]: entry for entry in items}
    assert documents["chain"]["runs"] >= 1
    memory = json.loads(talk("status", done, "--json").stdout)["memory"]
    assert (memory is None) == (documents["chain"]["memory"] is None)
    if memory is not None:
        assert 0 < memory < documents["chain"]["memory"]
        assert f"Memory:    {size(memory)}" in talk("status", done).stdout
    assert talk("submit", "chain.py", "--run-id", f"{done}-2", "--wait").returncode == 0
    cut = talk("usage", "--limit", "1")
    assert "Only the newest 1 runs of each shard were counted" in cut.stderr


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "?"), (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_540_000, "1.5 MB")],
)
def test_sizes_are_shown_in_their_unit(number: int | None, text: str) -> None:
    assert size(number) == text


def test_the_largest_unit_is_kept() -> None:
    assert (size(999_960), size(5 * 10**15)) == ("1.0 MB", "5000.0 TB")


def test_commands_show_results_of_a_run_that_does_not_keep_all(talk: Run) -> None:
    run, rows = f"dropped-{uuid.uuid4().hex[:8]}", "load   (not kept)\ntotal  3\n"
    for words in (
        ("submit", "dropped.py", "--run-id", run, "--wait"),
        ("result", run),
        ("resume", run, "--from-task", "total", "--wait"),
    ):
        shown = talk(*words)
        assert (shown.returncode, shown.stdout) == (0, f"TASK   RESULT\n{rows}"), shown.stderr
    assert json.loads(talk("result", run, "--json").stdout)["results"] == {"total": 3}
    assert "was dropped when all tasks that take it were over" in talk("result", run, "load").stderr
