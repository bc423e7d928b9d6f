"""The log of a worker: what its tasks print and log is in it, tied to run, task and attempt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import talking_app
from helpers import wait_until
from real_system import HERE, Process, System

from flowkit import DAG, RunHandle, Task

# The worker's app sets up logging for itself, as many do; this process keeps its own.
LOUD_APP = """
import logging
import sys
from flowkit import configure_logging
from talking_app import *

logging.basicConfig(level=logging.INFO)
configure_logging("ERROR")  # for runs in one process; on workers it is the worker's to say
sys.stdout.write("the app is loaded\\n")  # at once: unbuffered, print writes a line in two parts
"""


def start(system: System, *options: str, **environ: str) -> Process:
    """Start a scheduler, and a worker whose log is returned."""
    app = system.folder / "loud_app.py"
    app.write_text(LOUD_APP)
    system.scheduler()
    return system.worker(*options, app=str(app), PYTHONPATH=str(HERE), **environ)


def run_all(system: System, *tasks: Task[..., Any], **params: object) -> RunHandle:
    dag = DAG("talk")
    for task in tasks:
        dag.add(task)
    with system.client() as client:
        run = client.submit(dag, params=params)
        run.wait(30)
    return run


def json_lines(worker: Process) -> list[dict[str, Any]]:
    """Return the log; but for what the app said outside of tasks, each line has to be JSON."""
    lines = worker.log.splitlines()
    return [json.loads(line) for line in lines if line != "the app is loaded"]


def told(lines: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(line.get(name) for name in names) for line in lines]


def test_every_line_is_json_and_names_run_task_and_attempt(system: System) -> None:
    worker = start(system, "--log-json", "--log-level", "DEBUG", "--processes", "1")
    run = run_all(system, talking_app.talks)
    worker.terminate()
    worker.exit_code()
    lines = [line for line in json_lines(worker) if line.get("run_id")]
    assert {line["run_id"] for line in lines} == {run.run_id}
    assert {line["task_name"] for line in lines} == {"talks"}
    assert {line["worker"].count(".") for line in lines} == {1}
    one_try = ["task_start", "task_output", "task_log", "task_output"]
    assert told(lines, "event", "attempt", "level") == [
        *((event, 1, "DEBUG" if event == "task_start" else "INFO") for event in one_try),
        ("task_retry", 1, "WARNING"),
        *((event, 2, "DEBUG" if event == "task_start" else "INFO") for event in one_try),
        ("task_success", 2, "DEBUG"),
    ]
    assert told(lines[1:5], "message", "stream", "logger", "rows", "error_type") == [
        ("try 1", "stdout", None, None, None),
        ("try 1", None, "talking", 1, None),
        ("without an end", "stderr", None, None, None),
        ("Task retry: talks (retry 1/1 in 0.000s): OSError: again", None, None, None, "OSError"),
    ]


@pytest.mark.slow
def test_lines_of_coroutines_that_run_at_once_are_whole(system: System) -> None:
    worker = start(system, "--log-json")
    words = [f"w{number}" for number in range(20)]
    run_all(system, *(talking_app.talks_async.bind(f"t-{word}", word=word) for word in words))
    result = told(json_lines(worker), "event", "task_name", "message")
    wanted = [("task_output", f"t-{w}", f"{w} {n}") for w in words for n in range(3)]
    assert sorted(item for item in result if item[0] == "task_output") == sorted(wanted)


def test_a_task_in_which_flowkit_logs_leaves_the_form_of_the_log_alone(
    system: System, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text("{broken")
    worker = start(system, "--log-json")
    run_all(system, talking_app.warns_of_flowkit, path=str(tmp_path / "state.json"))
    events = [line["event"] for line in json_lines(worker)]
    assert "state_corrupt" in events
    assert events.index("task_output") > events.index("state_corrupt")


@pytest.mark.slow
def test_output_is_not_captured_if_disabled(system: System) -> None:
    worker = start(system, "--no-capture-output", "--processes", "1", PYTHONUNBUFFERED="1")
    run_all(system, talking_app.talks)
    lines = wait_until("both tries are seen", lambda: _ends(worker.log, "try 2", 2))
    assert "try 1" in lines
    assert "INFO:talking:try 1" in lines


def _ends(log: str, words: str, times: int) -> list[str]:
    lines = log.splitlines()
    return lines if sum(line.endswith(words) for line in lines) == times else []
