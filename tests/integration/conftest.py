"""Systems of real processes for these tests; what the processes wrote is shown when one fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_redis import RealRedis
from real_system import System

_SYSTEMS = pytest.StashKey[list[System]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        for system in item.stash.get(_SYSTEMS, []):
            report.sections.append(("processes", system.logs()))
    return report


@pytest.fixture
def system(
    request: pytest.FixtureRequest, redis_server: RealRedis, namespace: str, tmp_path: Path
) -> Iterator[System]:
    """Nothing started yet, on the session's Redis and in its own namespace."""
    system = System(redis_server.url, namespace, tmp_path)
    request.node.stash.setdefault(_SYSTEMS, []).append(system)
    yield system
    system.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RealRedis]:
    """A Redis with an append-only file, for tests that crash or reconfigure it."""
    server = RealRedis(tmp_path / "redis", aof=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def frail_system(
    request: pytest.FixtureRequest, own_redis: RealRedis, tmp_path: Path
) -> Iterator[System]:
    """Nothing started yet, on a Redis of the test's own."""
    system = System(own_redis.url, "frail", tmp_path)
    request.node.stash.setdefault(_SYSTEMS, []).append(system)
    yield system
    system.close()


@pytest.fixture(scope="module")
def shared_system(
    redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """One scheduler and one worker with two processes, which all tests of a module share."""
    system = System(redis_server.url, f"t-{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("up"))
    system.start("--queues", "default")
    yield system
    system.close()
    with redis_server.client() as client:
        keys = list(client.scan_iter(match=f"{{{system.namespace}}}:*", count=1000))
        if keys:
            client.delete(*keys)
