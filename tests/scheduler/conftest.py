"""A stage on the embedded server: the scripts are the real ones, and a test takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stage import Stage

from flowkit.embedded import EmbeddedServer


@pytest.fixture
def stage(fake_server: EmbeddedServer, namespace: str) -> Iterator[Stage]:
    stage = Stage(fake_server.url, namespace)
    yield stage
    stage.link.close()
