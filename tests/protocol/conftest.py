"""What the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from environment import Environment


@pytest.fixture
def env(server_url: str, namespace: str) -> Iterator[Environment]:
    """A fresh namespace on each kind of server."""
    made = Environment(server_url, namespace)
    yield made
    made.link.close()
