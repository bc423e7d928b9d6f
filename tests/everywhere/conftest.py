"""One suite for all the ways to run a DAG: threads, processes, the embedded store, Redis.

A test takes ``place`` and runs once per way. Its tasks stand in ``everywhere_app.py``,
``values_app.py`` and ``again_app.py``, which workers and child processes import. What tasks and
hooks do beside returning a value they write to the file that the run parameter ``diary`` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import NAMESPACE, PLACES, Place
from real_redis import RealRedis

from flowkit import Client
from flowkit.system import LocalSystem

FILES = ("everywhere_app.py", "values_app.py", "again_app.py", "map_app.py", "calls_app.py")
APPS = [str(Path(__file__).with_name(name)) for name in FILES]


def _system(url: str | None) -> Iterator[Client]:
    system = LocalSystem(APPS, url=url, namespace=NAMESPACE, processes=2, grace=1.0)
    with system, Client.connect(system.url, NAMESPACE) as client:
        yield client


@pytest.fixture(scope="session")
def _fakeredis_client() -> Iterator[Client]:
    yield from _system(None)


@pytest.fixture(scope="session")
def _redis_server_client(redis_server: RealRedis) -> Iterator[Client]:
    yield from _system(redis_server.url)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each way to run a DAG in turn."""
    name = request.param
    client = None
    if name in ("fakeredis", "redis-server"):
        client = request.getfixturevalue(f"_{name.replace('-', '_')}_client")
    return Place(name, tmp_path, client)
