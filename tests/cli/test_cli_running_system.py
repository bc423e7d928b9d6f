"""The commands that talk to a running system."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from console import Run
from helpers import free_port, wait_until
from json_schema import valid_document
from real_redis import RealRedis


def submitted(talk: Run, *words: str) -> str:
    done = talk("submit", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_submit_prints_the_id_and_nothing_else(talk: Run) -> None:
    done = talk("submit", "chain.py")
    assert done.returncode == 0
    assert len(done.stdout.strip()) == 20
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_submit_and_wait_shows_the_output_of_run(talk: Run) -> None:
    done = talk("submit", "chain.py", "-p", "size=2", "--wait")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "second  'xx'"


def test_a_run_is_named_by_the_beginning_of_its_id_or_as_the_last(talk: Run) -> None:
    name = f"named-{uuid.uuid4().hex[:12]}"
    assert talk("submit", "chain.py", "--run-id", name, "--wait").returncode == 0
    for word in (name[:12], "last"):
        assert talk("result", word).returncode == 0
        assert json.loads(talk("status", word, "--json").stdout)["run_id"] == name
    refused = talk("delete", name[:12], "--yes")
    assert refused.stderr.startswith(f"There is no run {name[:12]}. Runs are deleted by their")


def test_the_same_id_is_the_same_run(talk: Run) -> None:
    name = f"nightly-{uuid.uuid4().hex[:6]}"
    first = talk("submit", "chain.py", "--run-id", name, "--ttl", "30m", "--wait", "--json")
    again = talk("submit", "chain.py", "--run-id", name, "--wait", "--json")
    assert first.returncode == again.returncode == 0
    assert json.loads(first.stdout) == json.loads(again.stdout)
    other = talk("submit", "wide.py", "--run-id", name)
    assert other.returncode == 4
    assert f"Error: run '{name}' already exists" in other.stderr


def test_the_id_of_a_failed_run_is_no_second_try(talk: Run, apps: Path) -> None:
    """It said that the run was submitted, and did nothing."""
    name = f"nightly-{uuid.uuid4().hex[:6]}"
    given = ("failing.py", "--run-id", name, "-p", "ok=never")
    assert talk("submit", *given, "--wait").returncode == 1
    for more in ((), ("--wait",), ("--json",)):
        again = talk("submit", *given, *more)
        assert (again.returncode, again.stdout) == (4, "")
        for words in (f"run '{name}' already exists: it failed at 20", f"flowkit resume {name}"):
            assert words in again.stderr
        assert "another --run-id" in again.stderr


def test_the_id_of_a_run_that_goes_on_is_told(talk: Run, tmp_path: Path) -> None:
    name = f"nightly-{uuid.uuid4().hex[:6]}"
    given = ("slow.py", "--run-id", name, "-p", f"mark={tmp_path / 'mark'}")
    assert talk("submit", *given).stderr == ""
    again = talk("submit", *given)
    assert (again.returncode, again.stdout) == (0, f"{name}\n")
    assert f"No other run was submitted: run '{name}' already exists: it is running" in again.stderr
    assert talk("cancel", name, "--wait").returncode in (0, 1)
    assert "it was cancelled at 20" in talk("submit", *given).stderr


def test_a_failed_run_from_submit_to_resume(talk: Run, apps: Path) -> None:
    mend = apps / "mended"
    done = talk("submit", "failing.py", "-p", f"ok={mend}", "--wait")
    assert done.returncode == 1
    assert "Task 'breaks' failed: ValueError" in done.stderr
    run = done.stderr.splitlines()[-1].rpartition(" ")[2]
    assert f"flowkit resume {run}" in done.stderr

    shown = talk("status", run)
    assert shown.returncode == 0
    rows = [line.split()[:2] for line in shown.stdout.splitlines() if line]
    assert ["State:", "failed"] in rows
    states = [["breaks", "failed"], ["behind", "upstream_failed"], ["before", "succeeded"]]
    assert rows[-3:] == states
    assert "\x1b" not in shown.stdout

    results = talk("result", run)
    assert results.returncode == 1
    assert "before  'kept'" in results.stdout
    assert "behind  (upstream failed)" in results.stdout
    assert talk("result", run, "before").stdout == "kept\n"
    assert talk("result", run, "breaks").returncode == 1

    mend.touch()
    resumed = talk("resume", run, "--wait")
    assert resumed.returncode == 0, resumed.stderr
    assert "behind  'mended'" in resumed.stdout
    over = talk("resume", run)
    assert over.returncode == 4
    assert f"run '{run}' succeeded" in over.stderr


@pytest.mark.slow
def test_a_slow_run_from_wait_to_cancel(talk: Run, apps: Path) -> None:
    done = talk("submit", "slow.py", "-p", f"mark={apps}/begun", "--wait", "--timeout", "1")
    assert done.returncode == 5
    run = done.stderr.strip().rpartition(" ")[2]
    wait_until("the task has begun", (apps / "begun").exists)

    document = json.loads(talk("status", run, "--json").stdout)
    assert (document["state"], document["dag"], document["total"]) == ("running", "slow", 1)
    assert [(item["name"], item["state"]) for item in document["tasks"]] == [("sleeps", "running")]
    alone = json.loads(talk("status", run, "--json", "--no-tasks").stdout)
    assert alone["tasks"] is None
    assert run in talk("ls", "--state", "running").stdout
    so_far = talk("result", run)
    assert so_far.returncode == 0
    assert "the results so far" in so_far.stderr
    assert talk("result", run, "--wait", "--timeout", "0.2").returncode == 5

    ended = talk("cancel", run, "--wait", "--timeout", "20")
    assert ended.returncode == 0, ended.stderr
    assert "was cancelled" in ended.stdout
    assert talk("cancel", run).returncode == 4
    assert talk("result", run).returncode == 1


def test_status_says_what_a_run_waits_for(talk: Run) -> None:
    run = submitted(talk, "several.py:one")
    text = wait_until(
        "the run waits for a worker",
        lambda: next(
            (line for line in talk("status", run).stdout.splitlines() if "Waiting" in line), ""
        ),
    )
    assert "No live worker serves queue 'special'" in text
    assert talk("cancel", run, "--wait").returncode == 0


def test_a_large_run_shows_fifty_tasks_or_all(talk: Run) -> None:
    run = submitted(talk, "wide.py", "--wait", "--json")
    run = json.loads(run)["run_id"]
    some = talk("status", run)
    assert "… and 12 more; --all shows them." in some.stderr
    assert len([line for line in some.stdout.splitlines() if " succeeded " in line]) == 50
    every = talk("status", run, "--all")
    assert len([line for line in every.stdout.splitlines() if " succeeded " in line]) == 62


def test_ls_lists_the_newest_first(talk: Run) -> None:
    first = submitted(talk, "chain.py")
    second = submitted(talk, "chain.py")
    listed = json.loads(talk("ls", "--json", "--limit", "2").stdout)["items"]
    assert [run["run_id"] for run in listed] == [second, first]
    text = talk("ls", "--limit", "1").stdout.splitlines()
    assert text[0].split() == ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"]
    assert text[1].startswith(second)
    assert "\t" not in "".join(text)


def test_workers_are_listed(talk: Run) -> None:
    document = json.loads(talk("workers", "--json").stdout)
    assert document["scheduler"] is True
    assert [item["queues"] for item in document["items"]] == [["default"]]
    assert talk("workers").stdout.splitlines()[1].startswith(document["items"][0]["worker"])


def test_hostile_names_print_literally(talk: Run) -> None:
    run = json.loads(submitted(talk, "hostile.py", "--wait", "--json"))["run_id"]
    for words in (("status", run), ("result", run), ("ls",)):
        shown = talk(*words)
        assert shown.returncode == 0
        assert "\x1b" not in shown.stdout + shown.stderr
        assert "[blink]dag[/blink]" in shown.stdout or "[red]x[/red]" in shown.stdout
    assert talk("result", run, "[red]x[/red]").stdout == "\\x1b[2J\\x07[bold]gone[/bold]\n"


@pytest.mark.parametrize(
    "words", [("status", "no-run"), ("cancel", "no-run"), ("result", "no-run")]
)
def test_an_unknown_run(talk: Run, words: tuple[str, ...]) -> None:
    done = talk(*words)
    assert done.returncode == 4
    assert done.stderr.startswith("Error: there is no run 'no-run'")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("status", "a b"), "is not a run id"),
        (("submit", "chain.py", "--run-id", "a b"), "'--run-id': 'a b' is not a run id"),
        (("submit", "chain.py", "--ttl", "7y"), "result_ttl = '7y'"),
        (("submit", "chain.py", "--timeout", "3"), "--timeout limits the wait"),
        (("submit", "chain.py", "-p", "sizes=3"), "unknown parameter 'sizes'"),
        (("cancel", "r", "--timeout", "3"), "--timeout limits the wait"),
        (("ls", "--state", "odd"), "'odd'"),
    ],
)
def test_wrong_usage(talk: Run, words: tuple[str, ...], said: str) -> None:
    done = talk(*words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_task(talk: Run) -> None:
    run = json.loads(submitted(talk, "chain.py", "--wait", "--json"))["run_id"]
    done = talk("result", run, "third")
    assert done.returncode == 4
    assert "Available: 'first', 'second'" in done.stderr


def test_missing_workers_and_schedulers_are_reported(
    flowkit: Run, redis_server: RealRedis, namespace: str
) -> None:
    words = ("--redis", redis_server.url, "--namespace", namespace)
    done = flowkit("submit", "chain.py", *words)
    assert done.returncode == 0
    assert "No scheduler is running" in done.stderr
    assert "No worker is running" in done.stderr
    shown = flowkit("status", done.stdout.strip(), *words)
    assert "Waiting:   No scheduler is running" in shown.stdout
    assert "No worker is running" in flowkit("workers", *words).stderr


@pytest.mark.parametrize("words", [("status", "r"), ("submit", "chain.py"), ("ls",), ("workers",)])
def test_without_a_url_the_error_lists_the_ways_to_set_one(
    flowkit: Run, words: tuple[str, ...]
) -> None:
    done = flowkit(*words)
    assert done.returncode == 2
    for way in ("--redis", "FLOWKIT_REDIS_URL", "pyproject.toml", "flowkit dev"):
        assert way in done.stderr


@pytest.mark.slow
def test_an_unreachable_redis(flowkit: Run) -> None:
    done = flowkit("ls", "--redis", f"redis://127.0.0.1:{free_port()}/0")
    assert done.returncode == 3
    assert done.stderr.startswith("Error: cannot use Redis at redis://127.0.0.1")


@pytest.mark.parametrize(("form", "said"), [("text", "Upstream: first"), ("mermaid", "t0 --> t1")])
def test_a_graph_needs_no_redis(flowkit: Run, form: str, said: str) -> None:
    done = flowkit("graph", "chain.py", "--format", form)
    assert done.returncode == 0
    assert said in done.stdout


def test_a_cycle_is_drawn_and_refused(flowkit: Run) -> None:
    done = flowkit("graph", "cycle.py")
    assert done.returncode == 2
    assert "Downstream: b" in done.stdout
    assert "a -> b -> a" in done.stderr


def test_a_run_is_submitted_again_without_its_file(talk: Run, tmp_path: Path) -> None:
    old = talk("submit", "chain.py", "-p", "size=2", "-p", "word=y", "--wait", "--json")
    run = json.loads(old.stdout)["run_id"]
    listed = talk("params", "--again", run)
    assert [line.split()[:4] for line in listed.stdout.splitlines()] == [
        ["NAME", "TYPE", "DEFAULT", "VALUE"],
        ["size", "int", "1", "2"],
        ["word", "str", "'x'", "y"],
    ]
    document = valid_document(talk("params", "--again", run, "--json").stdout, "flowkit/form/1")
    assert [item["text"] for item in document["parameters"]] == ["2", "y"]
    (tmp_path / "chain.py").unlink()
    words = ("submit", "--again", run, "-p", "size=3", "--without", "word")
    done = talk(*words, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"]["second"] == "xxx"
    refused = talk("submit", "--again", run, "-p", "size=many")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "parameter 'size' must be int, not 'many'" in refused.stderr
    assert "-p size=5" in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit",), "Give either a file or a module with the DAG, or --again RUN"),
        (("submit", "chain.py", "--again", "last"), "Give either a file"),
        (("submit", "chain.py", "--without", "size"), "give --again"),
        (("params",), "Give either a file"),
        (("params", "--again", "last", "-p", "size=3"), "need a file, not --again"),
        (("submit", "--again", "no/run"), "is not a run id"),
    ],
)
def test_again_needs_a_run_and_no_file(flowkit: Run, words: tuple[str, ...], said: str) -> None:
    done = flowkit(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
