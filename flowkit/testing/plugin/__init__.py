"""Fixtures for pytest: ``flowkit_clock``, ``flowkit_registry``, ``flowkit_run``, ``flowkit_redis``
and ``flowkit_system``.

pytest imports this module whenever it starts, even in projects without such tests. So the import
must be cheap. The module is installed as ``pytest_flowkit``, beside the package and not inside it,
because importing ``flowkit.…`` imports flowkit; and each fixture imports what it needs when it is
used. (Coverage starts after the plugins, and so misses code that a plugin imports.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flowkit import Task
    from flowkit.testing import DagResult, FakeClock
    from flowkit.testing.systems import RunningSystem


@pytest.fixture
def flowkit_clock() -> FakeClock:
    """A clock that stands still until something sleeps on it. ``flowkit_run`` uses it as well."""
    from flowkit.testing import FakeClock

    return FakeClock()


@pytest.fixture
def flowkit_registry() -> Iterator[list[Task]]:
    """An empty registry of tasks. Afterwards, the registry is as it was before."""
    from flowkit.testing.systems import fresh_registry

    with fresh_registry() as tasks:
        yield tasks


@pytest.fixture
def flowkit_run(flowkit_clock: FakeClock) -> Callable[..., DagResult]:
    """``flowkit.testing.run_dag`` on the test's clock: ``flowkit_run(dag, params={…})``."""
    from flowkit.testing import run_dag

    return partial(run_dag, clock=flowkit_clock)


@pytest.fixture
def flowkit_redis() -> Iterator[str]:
    """The URL of an empty store in memory. ``FLOWKIT_REDIS_URL`` is set to it meanwhile."""
    from flowkit.testing.systems import embedded_store

    with embedded_store() as url:
        yield url


@pytest.fixture
def flowkit_system(flowkit_redis: str) -> Iterator[Callable[..., RunningSystem]]:
    """Starts a scheduler and a worker on that store: ``flowkit_system("etl.py", workers=2)``."""
    from flowkit.testing.systems import Systems

    with Systems(flowkit_redis) as systems:
        yield systems.start
