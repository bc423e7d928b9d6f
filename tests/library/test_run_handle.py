"""A handle tells a run that Redis lost from one that never was."""

from __future__ import annotations

import pytest

from flowkit import DAG, Client, Task
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RunLost, RunNotFound


def work() -> int:
    return 1


def test_a_run_that_was_accepted_and_is_gone_is_lost() -> None:
    dag = DAG("gone")
    dag.add(Task(work))
    with EmbeddedServer() as server, Client.connect(server.url) as client:
        run = client.submit(dag, run_id="nightly")
        with client.store() as store:
            store.link.call("FLUSHALL")
        with pytest.raises(RunLost, match=r"'nightly' was accepted and is not in Redis any more"):
            run.wait(5)


def test_a_run_that_nobody_submitted_is_not_found() -> None:
    with (
        EmbeddedServer() as server,
        Client.connect(server.url) as client,
        pytest.raises(RunNotFound, match="there is no run 'never'"),
    ):
        client.run("never")
