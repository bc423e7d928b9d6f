"""Runs within ``with state.batch():``, and threads that wait for a batch to end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowkit import DAG, StateManager, TaskCache, task
from flowkit.exceptions import StateError, TaskTimeout
from flowkit.state import writing

DEADLINE_S = 10.0


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "state.json" if request.param == "file" else None


@pytest.fixture
def state(path: Path | None) -> StateManager:
    return StateManager(path)


def run(dag: DAG, **options: Any) -> dict[str, Any]:
    return dag.run(timeout=DEADLINE_S, **options)


async def arun(dag: DAG, **options: Any) -> dict[str, Any]:
    return await dag.arun(timeout=DEADLINE_S, **options)


def run_awaited(dag: DAG, **options: Any) -> dict[str, Any]:
    return asyncio.run(arun(dag, **options))


@pytest.mark.parametrize("how", [run, run_awaited])
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_the_tasks_of_a_run_within_a_batch_use_the_same_store(
    state: StateManager, how: Callable[..., dict[str, Any]], is_async: bool
) -> None:
    """Each of these once waited for the batch, and the batch for the run."""
    cached = TaskCache(state)

    @cached
    def rate(day: str) -> float:
        return 1.5

    @task
    def convert() -> float:
        return rate("monday") * 2

    @task
    async def convert_async() -> float:
        state.set("rate", 1.5)
        return state.get("rate") * 2

    @task(at_most_once=True)
    def pay(amount: float) -> float:
        return amount

    with DAG("shop") as dag:
        (convert_async if is_async else convert) >> pay
    with state.batch():
        assert how(dag, state=state)["pay"] == 3
        state.set("after", 1)
    assert {"shop/pay", "after"} <= state.get_all().keys()


def test_a_task_write_within_a_batch_is_on_disk_immediately(tmp_path: Path) -> None:
    """A task that must not start twice is on record before it starts, whatever then dies."""
    path = tmp_path / "state.json"
    state = StateManager(path)
    seen: list[set[str]] = []

    @task(at_most_once=True)
    def pay() -> None:
        seen.append(set(json.loads(path.read_text())["cache"]))

    with state.batch():
        state.set("before", 1)
        run(DAG("shop", tasks=[pay]), state=state)
    assert seen == [{"before", "shop/pay"}]


def test_an_abandoned_task_waits_for_the_batch_and_writes_by_itself(
    state: StateManager,
) -> None:
    proceed, written = threading.Event(), threading.Event()

    @task(timeout=0.01)
    def late() -> None:
        proceed.wait(DEADLINE_S)
        state.set("late", 1)
        written.set()

    with state.batch(), pytest.raises(TaskTimeout):
        run(DAG("late", tasks=[late]))
    with state.batch():
        proceed.set()
        assert not written.wait(0.05)
    assert written.wait(DEADLINE_S)
    assert state.get("late") == 1


def test_a_deadlock_between_thread_and_batch_is_reported(
    state: StateManager, path: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LEAST_WAIT_S", 0.0)
    state = StateManager(path, lock_timeout=0.05)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            state.set("key", 1)
        except StateError as error:
            errors.append(error)

    with state.batch():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(DEADLINE_S)
    (error,) = errors
    assert "another thread of this process" in str(error)
    assert "with state.batch()" in str(error)
    write()
    assert state.get("key") == 1


def test_many_tasks_of_a_run_within_a_batch_lose_nothing(state: StateManager) -> None:
    @task
    def put(number: int) -> int:
        state.set(f"key-{number}", number)
        return state.get(f"key-{number}")

    dag = DAG("many", tasks=[put.bind(number=number) for number in range(50)])
    with state.batch():
        assert sum(run(dag, state=state, max_workers=8).values()) == sum(range(50))
    assert sum(key.startswith("key-") for key in state.get_all()) == 50
