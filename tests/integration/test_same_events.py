"""An event has the same name, fields and text, whatever runs the DAG: this process or a system."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import same_events_app as app
from helpers import wait_until
from real_system import HERE, Process, System

from flowkit import DAG, configure_logging

# What only one of the programs knows. Everything else has to be the same.
UNKNOWN_TO_SCHEDULERS = {"duration", "error_type", "error_message", "failed"}
ONLY_IN_ONE_PROCESS = {"dag_progress"}

# (event, task) → the message and the names and values of its fields, in the order of time
Seen = dict[tuple[str, str], list[tuple[str, dict[str, Any]]]]


def one_of_each() -> DAG:
    """Return a DAG whose tasks end in all ways that need no signal from outside."""
    tasks = (app.is_retried, app.comes_again, app.fails, app.is_cached, app.times_out)
    with DAG("ends", on_failure="continue") as dag:
        app.succeeds >> app.is_skipped
        for task in tasks:
            dag.add(task)
        app.comes_again.before(app.fails)
        app.times_out.after(app.fails)  # the first failure is that of the run
    return dag


def cached_alone() -> DAG:
    return DAG("cached", tasks=[app.is_cached])


@contextmanager
def logged() -> Iterator[list[dict[str, Any]]]:
    """Collect the events that this process logs, as JSON logs have them."""
    lines: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(  # type: ignore[method-assign]
        {
            "level": record.levelname,
            "message": record.getMessage(),
            "event": record.event,  # type: ignore[attr-defined]
            **record.fields,  # type: ignore[attr-defined]
        }
    )
    logger = configure_logging("DEBUG").logger
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        configure_logging("INFO")


def json_lines(*processes: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for process in processes for line in process.log.splitlines()]


def seen(lines: list[dict[str, Any]], run_id: str) -> Seen:
    """Return the events of a run, without what differs from one run to the next."""
    result: Seen = {}
    for line in lines:
        if line.get("run_id") == run_id and line["event"] not in ONLY_IN_ONE_PROCESS:
            fields = {key: value for key, value in line.items() if key not in _NOT_COMPARED}
            if "duration" in fields:
                fields["duration"] = "some"
            message = re.sub(r"\d+\.\d+s", "some", line["message"]).replace(run_id, "RUN")
            key = line["event"], line.get("task_name", "")
            result.setdefault(key, []).append((message, fields))
    return result


_NOT_COMPARED = {"timestamp", "level", "message", "event", "run_id", "worker"}


def run_here(executor: str) -> Seen:
    cached_alone().run(executor=executor)  # type: ignore[call-overload]
    with logged() as lines, pytest.raises(ValueError, match="no good"):
        one_of_each().run(executor=executor)  # type: ignore[call-overload]
    return seen(lines, lines[0]["run_id"])


@pytest.fixture
def programs(system: System) -> tuple[Process, Process]:
    options = ("--log-json", "--log-level", "DEBUG", "--processes", "1")
    scheduler = system.scheduler(FLOWKIT_LOG_JSON="true")
    path = str(HERE / "same_events_app.py")
    return scheduler, system.worker(*options, app=path, PYTHONPATH=str(HERE))


@pytest.mark.slow
def test_every_event_is_the_same_in_all_programs(
    system: System, programs: tuple[Process, Process]
) -> None:
    with system.client() as client:
        client.submit(cached_alone()).wait(30)
        run = client.submit(one_of_each())
        run.wait(30)
    scheduler, _ = programs
    scheduler.says('"event": "dag_failure"')
    there = seen(json_lines(*programs), run.run_id)
    threads, processes = run_here("thread"), run_here("process")
    assert set(there) == {
        ("dag_start", ""),
        ("dag_failure", "fails"),
        *(
            ("task_start", name)
            for name in ("succeeds", "is_retried", "comes_again", "fails", "times_out")
        ),
        ("task_success", "succeeds"),
        ("task_success", "is_retried"),
        ("task_again", "comes_again"),
        ("task_success", "comes_again"),
        ("task_skip", "is_skipped"),
        ("task_cached", "is_cached"),
        ("task_retry", "is_retried"),
        ("task_failure", "fails"),
        ("task_failure", "times_out"),
    }
    assert threads == processes
    assert known_to_all(there) == known_to_all(threads)


def known_to_all(events: Seen) -> Seen:
    """Return the events without the fields that schedulers do not know."""
    return {
        (event, task): [
            (
                message,
                {
                    name: value
                    for name, value in fields.items()
                    if not (event.startswith("dag_") and name in UNKNOWN_TO_SCHEDULERS)
                },
            )
            for message, fields in lines
        ]
        for (event, task), lines in events.items()
    }


@pytest.mark.slow
def test_a_run_that_succeeds_and_one_that_is_cancelled(
    system: System, programs: tuple[Process, Process]
) -> None:
    with system.client() as client:
        run = client.submit(DAG("one", tasks=[app.succeeds]))
        run.wait(30)
        stopped = client.submit(DAG("two", tasks=[app.waits]))
        scheduler, worker = programs
        wait_until("the task has started", lambda: stopped.run_id in worker.log)
        stopped.cancel()
        scheduler.says('"event": "dag_cancel"')
    with logged() as lines:
        DAG("one", tasks=[app.succeeds]).run()
    here = seen(lines, lines[0]["run_id"])
    there = seen(json_lines(*programs), run.run_id)
    assert there.pop(("dag_complete", "")) == [
        ("DAG completed: one (1 task)", {"dag_name": "one", "total_tasks": 1})
    ]
    assert here.pop(("dag_complete", "")) == [
        (
            "DAG completed: one (1 task, some)",
            {"dag_name": "one", "total_tasks": 1, "duration": "some"},
        )
    ]
    assert there == here
    assert seen(json_lines(*programs), stopped.run_id) == {
        ("dag_start", ""): [("DAG started: two (1 task)", {"dag_name": "two", "total_tasks": 1})],
        ("task_start", "waits"): [("Task started: waits", {"task_name": "waits", "attempt": 1})],
        ("dag_cancel", ""): [("DAG cancelled: two", {"dag_name": "two"})],
    }
