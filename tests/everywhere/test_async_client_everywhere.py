"""The asyncio client with real workers, on the embedded store and on Redis."""

from __future__ import annotations

import asyncio

import everywhere_app as app
import pytest
import values_app
from places import DEADLINE_S, NAMESPACE, Place

from flowkit import DAG, AsyncClient, Task
from flowkit.core.states import RunState
from flowkit.exceptions import RunCancelled, TaskExecutionError


@pytest.fixture
def url(place: Place) -> str:
    if place.client is None:
        pytest.skip("there is no store")
    assert place.client.url is not None
    return place.client.url


def one(how: str) -> DAG:
    with DAG("one") as dag:
        app.start.bind("start", how=how) >> app.arm
    return dag


def test_a_hundred_runs_are_awaited_and_their_results_read(url: str) -> None:
    async def main() -> None:
        async with AsyncClient.connect(url, NAMESPACE) as client:
            runs = await client.submit_many(one("ok"), [None] * 100)
            states = await asyncio.gather(*(run.wait(DEADLINE_S) for run in runs))
            assert states == [RunState.SUCCEEDED] * 100
            assert await runs[7].result("arm") == "ok"
            assert await runs[8].wait_results(DEADLINE_S) == {"start": "ok", "arm": "ok"}
            assert await client.wait_all(runs, 5) == states

    asyncio.run(main())


@pytest.mark.parametrize("task", [values_app.asks_others, values_app.asks_in_a_loop_of_its_own])
def test_a_task_submits_to_the_system_of_its_worker_and_waits(place: Place, task: Task) -> None:
    if place.client is None:
        pytest.skip("there is no worker")
    report = place.run(DAG("outer", tasks=[task]))
    assert report.results == {task.name: [42, 42, True]}


def test_failed_and_cancelled_runs_raise_their_errors(url: str) -> None:
    async def main() -> None:
        async with AsyncClient.connect(url, NAMESPACE) as client:
            failed = await client.submit(one("bad"))
            with pytest.raises(TaskExecutionError, match="this arm is bad"):
                await failed.wait_results(DEADLINE_S)
            assert (await failed.error()).task_name == "arm"
            assert (await client.dead_letter(failed.run_id, "arm")).letter.task == "arm"
            again = await client.retry_dead(failed.run_id)
            assert await again.wait(DEADLINE_S) is RunState.FAILED
            dag = DAG("elsewhere", tasks=[values_app.elsewhere])
            stopped = await client.submit(dag)
            await stopped.cancel()
            with pytest.raises(RunCancelled):
                await stopped.wait_results(DEADLINE_S)
            assert await stopped.delete()

    asyncio.run(main())
