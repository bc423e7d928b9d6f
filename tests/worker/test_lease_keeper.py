"""Registering a worker: an id names one incarnation, and no other one ever."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from flowkit.daemon.outage import OutageLog
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import LeaseLost, WrongShards
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import WorkerStore
from flowkit.worker.config import WorkerConfig
from flowkit.worker.daemon import WorkerDaemon
from flowkit.worker.lease_keeper import LeaseKeeper


def test_a_worker_declared_dead_returns_under_a_new_id(
    lease_keeper: LeaseKeeper, store: WorkerStore
) -> None:
    """Its lanes would have their old names otherwise, and what the dead ones send would count."""
    lease_keeper.enlist(lambda: False)
    dead = lease_keeper.worker
    store.retire(dead, [])
    with pytest.raises(LeaseLost, match=dead):
        lease_keeper.beat([])
    lease_keeper.enlist(lambda: False)
    assert lease_keeper.worker != dead
    alive = ClientStore(store.link, store.keys.namespace).alive_workers()
    assert [item.worker for item in alive] == [lease_keeper.worker]
    assert lease_keeper.beat([]) is not None


def test_a_worker_with_another_list_of_shards_is_always_refused(
    fake_server: EmbeddedServer, store: WorkerStore, namespace: str,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Also one that was declared dead: the list may have grown while it was away. It waits, since
    the list may also have been overwritten, and one that starts ends.
    """
    log = OutageLog(EventLog(FlowkitLogger("flowkit.test", "INFO")), lambda: "")
    config = WorkerConfig(("app",), fake_server.url, namespace, shard_position="0/2")
    lease_keeper = LeaseKeeper(config, store, log, allow_eviction=False)
    lease_keeper.enlist(lambda: False)
    SchedulerStore(store.link, namespace, "s1", shard_position="0/3").acquire_lease(60_000)
    assert lease_keeper.beat([]) is not None  # it may end what it has
    tries = iter(range(10))
    lease_keeper.enlist(lambda: next(tries) >= 2)
    assert "shard 0/2, but its schedulers made it shard 0/3" in capfd.readouterr().out
    assert lease_keeper.worker not in [
        worker.worker for worker in ClientStore(store.link, store.keys.namespace).alive_workers()
    ]
    new = LeaseKeeper(config, store, log, allow_eviction=False)
    with pytest.raises(WrongShards, match="shard 0/2, but its schedulers made it shard 0/3"):
        new.enlist(lambda: False)


def test_a_worker_declared_dead_ends_its_children_before_returning(
    fake_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they still do is void: others have it. They would notice by themselves, but later."""
    messages: list[str] = []

    class Brood:
        def __init__(self) -> None:
            self.alive = {1: SimpleNamespace(kill=lambda: messages.append("killed"))}

        def collect(self) -> list[object]:
            assert messages == ["killed"]
            self.alive.clear()
            return []

    daemon = WorkerDaemon(WorkerConfig(("app",), fake_server.url))
    monkeypatch.setattr(daemon, "_children", Brood())
    monkeypatch.setattr(daemon, "_enlist", lambda restarted: messages.append("started again"))
    daemon._start_over(LeaseLost("declared dead"))
    assert messages == ["killed", "started again"]
