"""A dashboard on the embedded store, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from here import BASE, Browser
from starlette.testclient import TestClient

from flowkit import Client
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.embedded import EmbeddedServer
from flowkit.settings import Settings


@pytest.fixture
def system(fake_server: EmbeddedServer, namespace: str) -> Iterator[Client]:
    with Client(Settings(redis_url=fake_server.url, namespace=namespace)) as client:
        yield client


@pytest.fixture
def access() -> TokenAccess:
    return TokenAccess("flowkit-8420")


@pytest.fixture
def stranger(system: Client, access: TokenAccess) -> Iterator[TestClient]:
    """A browser without a session."""
    with Browser(build_app(system, system, access), access, base_url=BASE) as browser:
        yield browser


@pytest.fixture
def browser(stranger: TestClient, access: TokenAccess) -> TestClient:
    """A browser that was let in."""
    stranger.get("/", params={"token": access.token})
    return stranger


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
