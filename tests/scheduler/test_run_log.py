"""Runs are seen in the log, and a flood of them does not drown the scheduler in it."""

from __future__ import annotations

import logging
from array import array

import pytest

from flowkit.core.compiled import CompiledDAG
from flowkit.core.graph import Graph
from flowkit.core.retry import Policy
from flowkit.core.run import Run
from flowkit.core.states import RunState
from flowkit.logging import FlowkitLogger
from flowkit.scheduler.active import Active
from flowkit.scheduler.run_log import LINES_A_SECOND, RunLog
from flowkit.scheduler.run_reports import RunReports

GRAPH = Graph.build(["load", "save"], [(0, 1)])
ZEROS = array("i", [0, 0])
DAG = CompiledDAG("nightly", GRAPH, (Policy(),), ZEROS, ("m:f",), ZEROS)


class Stage:
    def __init__(self) -> None:
        self.now = 100.0
        logger = FlowkitLogger("flowkit.test_run_log", "INFO")
        self.events = RunReports(RunLog(logger, monotonic=lambda: self.now))

    def run(self, name: str, outcome: RunState = RunState.SUCCEEDED) -> None:
        active = Active.of(name, DAG, Run(GRAPH))
        self.events.started(active)
        self.events.over(active, outcome, 0 if outcome is RunState.FAILED else None)


def test_a_run_is_logged_when_it_starts_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Stage().run("r1")
    assert caplog.messages == [
        "DAG started: nightly (2 tasks)",
        "DAG completed: nightly (2 tasks)",
    ]


def test_a_run_that_waits_for_memory_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Stage().events.lacks_memory("r1", 5.0)
    (line,) = caplog.messages
    assert line.startswith(
        "Run r1 waits: there is not enough memory to read it. The scheduler tries"
    )
    assert "again in 5 s" in line


def test_of_many_runs_per_second_some_are_logged_and_the_rest_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    for number in range(100):
        stage.run(f"r{number}")
    assert len(caplog.messages) == LINES_A_SECOND
    stage.now += 1
    stage.run("later")
    assert caplog.messages[LINES_A_SECOND] == "180 more lines about runs were left out"
    assert [record.fields["run_id"] for record in caplog.records[-2:]] == ["later"] * 2  # type: ignore[attr-defined]


def test_a_run_that_failed_always_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    for number in range(100):
        stage.run(f"r{number}", RunState.FAILED)
    failed = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failed) == 100
    assert failed[0].getMessage() == "DAG failed: nightly (task load)"


def test_of_unreadable_runs_some_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Anybody who may submit a run may submit a million of them."""
    stage = Stage()
    for number in range(100):
        stage.events.broken(f"r{number}", ValueError("why"))
    assert len(caplog.messages) == LINES_A_SECOND
    assert caplog.messages[0] == "Run r0 cannot continue and was ended as failed: why"
