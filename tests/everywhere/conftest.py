"""One suite for all the ways to run a DAG: threads, processes, the embedded store, Redis.

A test takes ``place`` and runs once per way. Its tasks stand in ``everywhere_app.py`` and the other
apps, which workers and child processes import. What tasks and
hooks do beside returning a value they write to the file that the run parameter ``diary`` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import NAMESPACE, PLACES, WITH_WORKERS, Place
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
    return _place(request, tmp_path)


@pytest.fixture(params=WITH_WORKERS)
def with_workers(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each way to run a DAG on workers in turn, for what runs in one process do not have."""
    return _place(request, tmp_path)


def _place(request: pytest.FixtureRequest, folder: Path) -> Place:
    name: str = request.param
    client = None
    if name in WITH_WORKERS:
        client = request.getfixturevalue(f"_{name.replace('-', '_')}_client")
    return Place(name, folder, client)
