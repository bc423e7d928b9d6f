"""What clients see of mapped tasks that real workers run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import mapped_app as app
import pytest
from real_system import System

from flowkit import AsyncClient, TaskExecutionError
from flowkit.client.history import HistoryKind
from flowkit.core.states import RunState, TaskState

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


def test_failed_items_are_seen_by_their_names(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.checks(), params={"count": 6})
        assert run.wait_results(30)["check"] == [0, None, 2, 3, 4, None]
        failures = run.mapped("check").failures
        assert [(item.index, item.label, item.error) for item in failures] == [
            (1, "number 1", "ValueError: bad number 1"),
            (5, "number 5", "ValueError: bad number 5"),
        ]
        items = run.items("check", states=["failed"])
        assert [(item.name, item.label) for item in items] == [
            ("check[1]", "number 1"),
            ("check[5]", "number 5"),
        ]
        assert run.status().tasks[1].items == {"succeeded": 4, "failed": 2}
        assert run.status().total == run.record().total == 8
        assert {line.text for line in run.logs("check[5]") if line.stream == "stdout"} == {
            "checking 5"
        }
        printed = [line.task for line in run.logs("check") if line.stream == "stdout"]
        assert sorted(printed) == [f"check[{index}]" for index in range(6)]
        assert "'check[1] (number 1)' failed" in run.explain("check[1]").sentence
        assert [item.others for item in client.dead_letters(fold=True)] == [1]


def test_the_error_of_a_run_names_the_item_and_a_retry_runs_it_again(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.strict_checks(), params={"count": 2})
        with pytest.raises(TaskExecutionError) as caught:
            run.wait_results(30)
        assert (caught.value.task_name, caught.value.label) == ("check[1]", "number 1")
        says = "since 'check[1] (number 1)' failed: ValueError: bad number 1"
        assert says in run.explain("check").sentence
        assert run.retry().tasks == ("check[1]",)
        assert run.wait(30) is RunState.FAILED
        history = run.history("check[1]")
        attempts = [event for event in history if event.what is HistoryKind.ATTEMPT]
        assert [event.outcome for event in attempts] == ["failed", "failed"]


def test_what_cannot_be_mapped_is_the_error_of_the_mapped_task(running: System) -> None:
    with running.client() as client:
        run = client.submit(app.of_text())
        with pytest.raises(TaskExecutionError, match="over the result of 'text'"):
            run.wait_results(30)
        assert run.error().task_name == "double"
        assert "mapped over the result of 'text'" in run.explain().sentence
