"""What views of one run read: its parameters, parts of its items, and how long it will take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from whole_run import WholeRun

from flowkit import DAG, AsyncClient, Client, RunHandle, Task
from flowkit.client.forecast import Forecast
from flowkit.clock import FakeClock
from flowkit.core.states import RunState
from flowkit.embedded import EmbeddedServer
from flowkit.settings import Settings


def numbers(n: int) -> list[int]:
    return list(range(n))


def square(number: int) -> int:
    return number * number


@pytest.fixture
def run(fake_server: EmbeddedServer, namespace: str) -> Iterator[WholeRun]:
    with DAG("squares") as dag:
        Task(numbers).bind("numbers", n=5) >> Task(square).map()
    whole = WholeRun(fake_server.url, namespace, dag, params={"day": "monday"})
    yield whole
    whole.link.close()


@pytest.fixture
def handle(run: WholeRun, fake_server: EmbeddedServer) -> Iterator[RunHandle]:
    with Client(Settings(redis_url=fake_server.url, namespace=run.namespace)) as client:
        yield client.run("r1")


def test_the_parameters_of_a_run(handle: RunHandle) -> None:
    assert handle.params() == {"day": "monday"}


def test_the_parameters_and_some_items_for_asyncio(
    run: WholeRun, fake_server: EmbeddedServer
) -> None:
    async def main() -> tuple[object, list[str]]:
        async with AsyncClient.connect(fake_server.url, run.namespace) as client:
            handle = await client.run("r1")
            return await handle.params(), [item.name for item in await handle.items(start=3)]

    run.finish()
    assert asyncio.run(main()) == ({"day": "monday"}, ["square[3]", "square[4]"])


def test_items_from_an_index_on(run: WholeRun, handle: RunHandle) -> None:
    run.finish()
    found = handle.items("square", start=1, limit=2)
    assert ([item.name for item in found], found.more) == (["square[1]", "square[2]"], True)
    assert list(handle.items(start=5)) == []
    with pytest.raises(ValueError, match="start must be at least 0"):
        handle.items(start=-1)
    with pytest.raises(TypeError, match="start must be a whole number"):
        handle.items(start="1")  # type: ignore[arg-type]


def test_a_task_tells_when_it_was_queued(run: WholeRun, handle: RunHandle) -> None:
    assert handle.status().tasks[1].queued is None
    run.finish()
    first = handle.status().tasks[0]
    assert first.queued is not None
    assert first.started is not None
    assert first.queued <= first.started


def test_a_forecast_counts_from_the_last_end(run: WholeRun, handle: RunHandle) -> None:
    run.turn()  # the numbers
    run.turn(2)
    status = handle.status()
    done = status.counts["succeeded"]
    assert (done, status.total) == (3, 6)
    clock = FakeClock(start_ms=round(status.submitted * 1000) + 30_000)
    forecast = Forecast(handle, clock)
    assert forecast.seconds_left(status) == pytest.approx(30, abs=0.1)  # 3 in 30 s, 3 are left
    clock.advance(10)
    assert forecast.seconds_left(status) == pytest.approx(20, abs=0.1)
    clock.advance(30)
    assert forecast.seconds_left(status) is None  # it takes longer than expected
    over = replace(status, state=RunState.SUCCEEDED)
    assert forecast.seconds_left(over) is None
