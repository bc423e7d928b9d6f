"""A run leaves nothing behind: what its tasks made is gone with its results, or its exception.

An exception holds the frames that it passed, and so the results and the locals of tasks. If one of
these frames refers to the exception, only the garbage collector frees them, and a program that
retries a failing DAG grows by its data each time.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import ClassVar

import pytest
from helpers import wait_until

from flowkit import DAG, Task
from flowkit.exceptions import TaskTimeout


class Data:
    """Something large that a task makes or holds."""

    made: ClassVar[list[weakref.ref[Data]]] = []

    def __new__(cls) -> Data:
        data = super().__new__(cls)
        cls.made.append(weakref.ref(data))
        return data

    @classmethod
    def alive(cls) -> int:
        return sum(ref() is not None for ref in cls.made)


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    Data.made.clear()
    yield
    gc.enable()


def load() -> Data:
    return Data()


def fail(_loaded: Data) -> None:
    held = Data()
    raise ValueError(f"failed with {held is not None}")


def describe(loaded: Data) -> str:
    return type(loaded).__name__


async def fail_async(loaded: Data) -> None:
    fail(loaded)


def _dag(last, **options) -> DAG:
    dag = DAG("failing")
    with dag:
        Task(load) >> Task(last, name="last", **options)
    return dag


@pytest.mark.parametrize(
    ("last", "options", "how"),
    [
        pytest.param(fail, {}, {}, id="thread"),
        pytest.param(fail, {"retries": 1, "delay": 0.001}, {}, id="retried"),
        pytest.param(fail, {"timeout": 60}, {}, id="with a timeout"),
        pytest.param(fail_async, {}, {}, id="loop"),
        pytest.param(fail_async, {}, {"max_workers": 2}, id="bounded loop"),
        pytest.param(fail, {}, {"executor": "process"}, id="process"),
    ],
)
def test_objects_of_a_failed_run_are_freed_with_its_exception(last, options, how):
    with pytest.raises(ValueError, match="failed with True"):
        _dag(last, **options).run(**how)
    assert len(Data.made) > 0
    wait_until("the data is gone", lambda: Data.alive() == 0, deadline=5)


def test_objects_of_a_failed_awaited_run_are_freed_with_its_exception():
    async def main() -> None:  # asyncio.run itself holds what it raises, by its own frames
        with pytest.raises(ValueError, match="failed with True"):
            await _dag(fail).arun()

    asyncio.run(main())
    wait_until("the data is gone", lambda: Data.alive() == 0, deadline=5)


def test_objects_of_a_timed_out_run_are_freed_when_its_task_ends():
    released = threading.Event()

    def stuck(_loaded: Data) -> None:
        released.wait(20)

    with pytest.raises(TaskTimeout):
        _dag(stuck, timeout=0.01).run()
    released.set()
    wait_until("the data is gone", lambda: Data.alive() == 0, deadline=5)


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_objects_of_a_run_are_freed_with_its_results(executor):
    results = _dag(describe).run(executor=executor)
    assert list(results) == ["load", "last"]
    del results
    wait_until("the data is gone", lambda: Data.alive() == 0, deadline=5)
