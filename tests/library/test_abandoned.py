"""The namespace of a killed ``flowkit run`` is recognised, and expires; every other one stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from real_redis import RealRedis

from flowkit import DAG, Client, Task
from flowkit.client.run_namespace import RunNamespace, abandoned
from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_store import WorkerStore

HOUR_MS = 3_600_000


def work() -> int:
    return 1


class Left:
    """A namespace of one run, and when (ms ago) its daemons were last alive."""

    def __init__(self, server: RealRedis) -> None:
        self.url = server.url
        self.run = uuid.uuid4().hex[:12]
        self.namespace = f"run-{self.run}"
        self.link = Link(self.url, read_timeout=10)
        self.keys = Keys(self.namespace)

    def submit(self, *runs: str) -> None:
        dag = DAG("left")
        dag.add(Task(work))
        with Client.connect(self.url, self.namespace) as client:
            for run in runs:
                client.submit(dag, run_id=run)
            self.now = client.shards[0]._store.redis_now_ms()

    def lead(self, ago_ms: int) -> None:
        scheduler = SchedulerStore(self.link, self.namespace, "s", now_ms=lambda: self.now - ago_ms)
        scheduler.acquire_lease(1000)

    def work(self, ago_ms: int) -> None:
        worker = WorkerStore(self.link, self.namespace, now_ms=lambda: self.now - ago_ms)
        worker.heartbeat("W", 1000, [], b"about")

    def is_listed(self) -> bool:
        names = abandoned(self.url, patience=2, read_timeout=10)
        return self.namespace in names

    def ttl_ms(self) -> set[bool]:
        _, keys = self.link.call("SCAN", 0, "MATCH", self.keys.prefix + "*", "COUNT", 10_000)
        assert keys
        return {self.link.call("PTTL", key) > 0 for key in keys}


@pytest.fixture
def left(redis_server: RealRedis) -> Iterator[Left]:
    result = Left(redis_server)
    yield result
    RunNamespace(result.url, result.namespace, patience=2, read_timeout=10).delete()
    result.link.close()


def test_the_namespace_of_a_killed_command_expires(left: Left) -> None:
    left.submit(left.run)
    left.lead(2 * HOUR_MS)
    left.work(2 * HOUR_MS)
    assert left.is_listed()
    RunNamespace(left.url, left.namespace, patience=2, read_timeout=10).expire(60)
    assert left.ttl_ms() == {True}
    assert not left.is_listed(), "it ends by itself now"


def test_a_namespace_that_was_used_lately_stays(left: Left) -> None:
    left.submit(left.run)
    left.lead(HOUR_MS // 2)
    assert not left.is_listed()


def test_a_namespace_with_a_worker_stays(left: Left) -> None:
    left.submit(left.run)
    left.lead(2 * HOUR_MS)
    left.work(0)
    assert not left.is_listed()


def test_a_namespace_of_other_or_more_runs_stays(left: Left) -> None:
    left.submit("other")
    left.lead(2 * HOUR_MS)
    assert not left.is_listed()
    left.submit(left.run)
    assert not left.is_listed()


@pytest.mark.parametrize("lease", ["", "s,1", "s,1,soon", "s,1,-5", "\xff"])
def test_a_namespace_with_a_damaged_lease_stays(left: Left, lease: str) -> None:
    left.submit(left.run)
    left.link.call("SET", left.keys.leader(), lease)
    assert not left.is_listed()


def test_names_and_keys_of_others_are_ignored(left: Left) -> None:
    left.submit(left.run)
    strange = ["{run-a b}:leader", "{run-}:leader", "{run-x}y}:leader", "{run-z:leader"]
    for key in strange:
        left.link.call("SET", key, "s,1,5")
    left.link.call("DEL", left.keys.workers())
    left.link.call("SET", left.keys.workers(), "text")
    left.lead(2 * HOUR_MS)
    names = abandoned(left.url, patience=2, read_timeout=10)
    assert left.namespace not in names
    assert [name for name in names if name.startswith(("run-a", "run-x", "run-z"))] == []
    left.link.call("DEL", *strange)
