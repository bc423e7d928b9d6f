"""What clients see of mapped tasks that real workers run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import mapped_app as app
import pytest
from real_system import System

from flowkit import AsyncClient
from flowkit.core.states import TaskState

APP = str(Path(__file__).parent / "mapped_app.py")


@pytest.fixture
def running(system: System) -> System:
    system.scheduler()
    system.worker("--processes", "1", app=APP)
    return system


def test_results_of_mapped_tasks_are_lists(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.doubles(), params={"count": 4})
        assert run.wait_results(30) == {
            "numbers": [0, 1, 2, 3],
            "double": [0, 2, 4, 6],
            "total": 12,
        }
        assert run.result("double[3]") == 6
        assert run.mapped("double").values == [0, 2, 4, 6]
        empty = client.submit(app.doubles(), params={"count": 0})
        assert empty.wait_results(30) == {"numbers": [], "double": [], "total": 0}


def test_an_async_handle_reads_the_same(running: System) -> None:
    async def main() -> None:
        async with AsyncClient.connect(running.url, namespace=running.namespace) as client:
            run = await client.submit(app.doubles(), params={"count": 2})
            assert (await run.wait_results(30))["double"] == [0, 2]
            assert await run.result("double[1]") == 2
            mapped = await run.mapped("double")
            assert await asyncio.to_thread(lambda: mapped.states) == [TaskState.SUCCEEDED] * 2

    asyncio.run(main())
