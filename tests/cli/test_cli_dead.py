"""``flowkit dead``: tasks that failed for good are found, looked at and tried again."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from console import Run


@pytest.fixture
def failed(talk: Run, apps: Path) -> str:
    """A run of the DAG ``failing`` that failed; the file ``mended`` would mend it."""
    name = f"dead-{uuid.uuid4().hex[:8]}"
    done = talk("submit", "failing.py", "--run-id", name, "-p", f"ok={apps / 'mended'}", "--wait")
    assert done.returncode == 1
    return name


def test_a_failed_task_is_listed_and_retried(talk: Run, failed: str, apps: Path) -> None:
    listed = talk("dead", "ls", "--dag", "failing", "--since", "10m")
    assert listed.returncode == 0
    (row,) = [line for line in listed.stdout.splitlines() if line.startswith(failed)]
    assert row.split()[:3] == [failed, "breaks", "failing"]
    assert row.endswith("ValueError: no \\x1b[2J[red]such[/red] thing")

    shown = talk("dead", "show", failed, "breaks")
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    facts = dict(line.split(":", 1) for line in shown.stdout.splitlines()[:8])
    assert facts["Task"].strip() == "breaks"
    assert facts["Failed"].endswith("attempt 1")
    assert facts["Param"].strip() == f"ok = '{apps / 'mended'}'"
    assert facts["Input"].strip() == "before, 5 bytes"
    assert "raise ValueError" in shown.stdout
    assert shown.stderr.strip() == f"To retry it: flowkit retry {failed} breaks"

    (apps / "mended").touch()
    again = talk("dead", "retry", failed, "breaks", "--wait")
    assert again.returncode == 0, again.stderr
    assert "behind  'mended'" in again.stdout
    assert failed not in talk("dead", "ls").stdout


def test_without_a_name_all_failed_tasks_are_retried(talk: Run, failed: str, apps: Path) -> None:
    (apps / "mended").touch()
    again = talk("dead", "retry", failed, "--wait", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["results"]["behind"] == "mended"


def test_for_programs(talk: Run, failed: str) -> None:
    (item,) = [
        letter
        for letter in json.loads(talk("dead", "ls", "--json").stdout)["items"]
        if letter["run_id"] == failed
    ]
    shown = json.loads(talk("dead", "show", failed, "breaks", "--json").stdout)
    assert {name: shown[name] for name in item} == {**item, "failed": shown["failed"]}
    assert (item["task"], item["attempt"], item["error_type"]) == ("breaks", 1, "ValueError")
    assert shown["inputs"] == {"before": 5}
    assert "Traceback" in shown["traceback"]
    assert json.loads(talk("dead", "ls", "--dag", "nobody", "--json").stdout)["items"] == []


def test_a_limit_is_reported(talk: Run, failed: str) -> None:
    listed = talk("dead", "ls", "--limit", "1")
    assert len(listed.stdout.splitlines()) == 2
    assert "… and more; --limit shows them." in listed.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("show", "RUN", "before"), 4, "has not failed for good, it is succeeded"),
        (("show", "RUN", "brakes"), 4, "Did you mean 'breaks'?"),
        (("show", "no-such-run", "breaks"), 4, "there is no run"),
        (("retry", "RUN", "breaks", "before"), 4, "task 'before' of run"),
        (("retry", "RUN", "--timeout", "5"), 2, "--wait"),
        (("ls", "--since", "soon"), 2, "write 90s, 30m, 1h or 7d"),
        (("ls", "--limit", "0"), 2, "limit"),
        (("look",), 2, "No such command"),
    ],
)
def test_impossible_requests_are_reported(
    talk: Run, failed: str, words: tuple[str, ...], code: int, says: str
) -> None:
    done = talk("dead", *(failed if word == "RUN" else word for word in words))
    assert done.returncode == code
    assert says in done.stderr


def test_a_run_without_a_failed_task_has_nothing_to_retry(talk: Run) -> None:
    run = talk("submit", "chain.py", "--wait", "--json")
    name = json.loads(run.stdout)["run_id"]
    done = talk("dead", "retry", name)
    assert done.returncode == 4
    assert f"run {name!r} has no failed task" in done.stderr
