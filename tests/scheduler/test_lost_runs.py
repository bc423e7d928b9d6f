"""Runs that Redis has lost are named in the scheduler's log: their clients may be long gone."""

from __future__ import annotations

import logging

import pytest
from stage import Stage, dag_of


def test_only_lost_running_runs_are_named(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    resolver = stage.resolver()
    for run in ("kept", "lost"):
        stage.submit(dag_of("a b"), run)
    resolver.run_once(1)
    keys = stage.client.keys
    stage.link.call("DEL", keys.run("lost"), keys.tasks("lost"))
    with caplog.at_level(logging.ERROR, "flowkit.test"):
        resolver.report_lost()
        resolver.report_lost()
    (line,) = [message for message in caplog.messages if "is lost" in message]
    assert line.startswith("Run lost of DAG dag is lost")
    assert not resolver.active
