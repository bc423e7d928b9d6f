"""Each test sees an empty task registry, and leaves the one it found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowkit.task import Task


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    tasks, refs = list(Task._all_tasks), dict(Task._by_ref)
    Task.clear_registry()
    yield
    Task._all_tasks[:] = tasks
    Task._by_ref.clear()
    Task._by_ref.update(refs)
