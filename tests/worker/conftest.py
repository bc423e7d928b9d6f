"""A worker and the lease that it keeps, for the tests of what it says of itself; whole runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from whole_run import WholeRun

from flowkit import DAG
from flowkit.daemon.outage import OutageLog
from flowkit.embedded import EmbeddedServer
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.link import Link
from flowkit.protocol.worker_store import WorkerStore
from flowkit.worker.config import WorkerConfig
from flowkit.worker.lease_keeper import LeaseKeeper


@pytest.fixture
def store(fake_server: EmbeddedServer, namespace: str) -> Iterator[WorkerStore]:
    link = Link(fake_server.url)
    yield WorkerStore(link, namespace)
    link.close()


@pytest.fixture
def lease_keeper(fake_server: EmbeddedServer, store: WorkerStore) -> LeaseKeeper:
    log = OutageLog(EventLog(FlowkitLogger("flowkit.test", "INFO")), lambda: "")
    config = WorkerConfig(("app",), fake_server.url, processes=2)
    return LeaseKeeper(config, store, log, allow_eviction=False)


@pytest.fixture
def whole_runs(server_url: str, namespace: str) -> Iterator[Callable[..., WholeRun]]:
    """Start runs that go turn by turn: ``whole_runs(dag, …)``."""
    made: list[WholeRun] = []

    def start(dag: DAG, **options: Any) -> WholeRun:
        made.append(WholeRun(server_url, namespace, dag, **options))
        return made[-1]

    yield start
    for run in made:
        run.close()
