"""What the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import World


@pytest.fixture
def world(server_url: str, namespace: str) -> Iterator[World]:
    """A fresh namespace on each kind of server."""
    made = World(server_url, namespace)
    yield made
    made.link.close()
