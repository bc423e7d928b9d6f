"""Runs and direct calls in this process: who sees what a task has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from flowkit import DAG, StateManager, TaskCache, task


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> StateManager:
    return StateManager(tmp_path / "state.json" if request.param == "file" else None)


def test_a_resumed_run_gets_results_as_they_were_returned(state: StateManager) -> None:
    """``load`` changes its argument and fails; whoever resumes the run must not see that."""
    broken = [True]

    @task
    def extract() -> list[int]:
        return [3, 1, 2]

    @task
    def load(rows: list[int]) -> int:
        rows.append(sum(rows))
        if broken:
            raise OSError("the target is away")
        return sum(rows)

    with DAG("etl") as dag:
        extract >> load
    with pytest.raises(OSError, match="away"):
        dag.run(state=state)
    broken.clear()
    assert dag.run(state=state, resume=True)["load"] == 12
    assert state.get("etl/extract") == [3, 1, 2]


def test_a_cached_result_is_not_changed_by_its_users(state: StateManager) -> None:
    @TaskCache(state)
    def names() -> list[str]:
        return ["a"]

    for _ in range(3):
        names().append("changed by a caller")
    assert names() == ["a"]


def test_each_attempt_of_a_direct_call_gets_copies() -> None:
    seen: list[list[int]] = []

    def fail_once(rows: list[int], *, more: list[int]) -> list[int]:
        rows.append(9)
        more.append(9)
        seen.append([*rows, *more])
        if len(seen) == 1:
            raise OSError("not yet")
        return rows

    async def fail_once_async(rows: list[int], *, more: list[int]) -> list[int]:
        return fail_once(rows, more=more)

    options: dict[str, Any] = {"retries": 1, "delay": 0, "copy_arguments": True}
    rows, more = [1], [2]
    assert task(**options)(fail_once)(rows, more=more) == [1, 9]
    assert seen == [[1, 9, 2, 9]] * 2
    seen.clear()
    assert asyncio.run(task(**options)(fail_once_async)(rows, more=more)) == [1, 9]
    assert (seen, rows, more) == ([[1, 9, 2, 9]] * 2, [1], [2])


def test_an_argument_that_cannot_be_copied_fails_the_task_in_words() -> None:
    lock = task(name="lock")(lambda: Lock())

    @task(copy_arguments=True, retries=3)
    def use(lock: object) -> None: ...

    with DAG("locks") as dag:
        lock >> use
    with pytest.raises(TypeError, match=r"Task 'use': an argument cannot be copied.*_thread.lock"):
        dag.run()


def test_without_the_option_a_task_gets_the_very_object() -> None:
    made: list[object] = []

    @task
    def make() -> object:
        made.append(object())
        return made[0]

    @task
    def take(value: object) -> bool:
        return value is made[0]

    with DAG("same") as dag:
        make >> take
    assert dag.run()["take"] is True
