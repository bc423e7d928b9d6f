"""What the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from world import World

settings.register_profile("flowkit", deadline=None)
settings.load_profile("flowkit")


@pytest.fixture
def world(server_url: str, namespace: str) -> Iterator[World]:
    """A fresh namespace on each kind of server."""
    made = World(server_url, namespace)
    yield made
    made.link.close()
