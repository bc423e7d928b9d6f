"""The async lane outlives what coroutines do to their event loop, and blames the right attempt."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import claim_of
from test_async_lane import Patient, Rig

from flowkit import Task, task
from flowkit.exceptions import FlowkitError
from flowkit.protocol.records import ErrorInfo


async def _part() -> None:
    sys.exit("nothing to do")


async def in_a_part() -> object:
    return await asyncio.gather(_part(), asyncio.sleep(0.001))


async def in_a_part_of_a_part() -> object:
    return await asyncio.wait_for(in_a_part(), 60)


async def in_a_part_that_nothing_awaits() -> None:
    part = asyncio.create_task(_part())
    await asyncio.sleep(60)
    await part


async def in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(sys.exit, "nothing to do")
    await asyncio.sleep(60)


async def in_spite_of_a_cancel() -> None:
    """Catch what ends it and continue."""
    asyncio.get_running_loop().call_soon(sys.exit, "nothing to do")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return


ENDINGS = (
    in_a_part,
    in_a_part_of_a_part,
    in_a_part_that_nothing_awaits,
    in_a_callback,
    in_spite_of_a_cancel,
)


@pytest.fixture
def neighbour() -> Iterator[tuple[Task, threading.Event, threading.Event]]:
    begun, gate = threading.Event(), threading.Event()

    @task
    async def neighbour() -> str:
        begun.set()
        while not gate.is_set():
            await asyncio.sleep(0.002)
        return "saved"

    yield neighbour, begun, gate
    gate.set()


@pytest.mark.parametrize("exits", ENDINGS, ids=lambda item: item.__name__)
def test_a_part_that_exits_fails_its_attempt_and_no_other(
    neighbour: Any, exits: Callable[[], Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """The loop was gone, its tasks hung forever, the lane took more, and nothing was logged."""
    beside, begun, gate = neighbour
    store = Patient(claim_of(0))
    rig = Rig(store, beside, task(exits))
    rig.lane.start()
    assert begun.wait(20)
    store.stock.append(claim_of(1))
    assert rig.tokens(1) == ["1,1,F"]
    info = ErrorInfo.unpack(rig.store.outcomes[0].payload)
    assert (info.type, info.message) == ("SystemExit", "nothing to do")
    gate.set()
    assert rig.tokens(2) == ["0,1,S", "1,1,F"]
    rig.finish()
    gc.collect()  # asyncio writes of a part that nothing awaited now, and not into another test
    assert f"task_name={exits.__name__}" in capfd.readouterr().out


def test_a_task_that_stops_the_loop_continues(capfd: pytest.CaptureFixture[str]) -> None:
    @task
    async def stops() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.001)
        return "done"

    rig = Rig(Patient(claim_of()), stops)
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,S"]
    rig.finish()
    assert "ended the event loop (by loop.stop())" in capfd.readouterr().out


@pytest.mark.parametrize("method", ["prepare", "succeeded", "cancelled"])
def test_an_error_around_a_coroutine_still_gives_an_outcome(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It once ran forever, in a slot that was never free again."""

    @task
    async def fine() -> None: ...

    rig = Rig(Patient(claim_of(0), claim_of(1)), fine, fine)

    def breaks(*args: object, **kwargs: object) -> None:
        raise LookupError("installed by the app")

    monkeypatch.setattr(rig.lane._executor, method, breaks)
    monkeypatch.setattr(rig.lane._executor, "raised", breaks)
    rig.lane._cancelled |= {"r1,0,1", "r1,1,1"} if method == "cancelled" else set()
    rig.lane.start()
    assert rig.tokens(2) == ["0,1,F", "1,1,F"]
    rig.finish()


def test_a_failing_task_factory_fails_later_attempts() -> None:
    """Their outcomes were lost with the callback that could not make an asyncio task."""

    def refuses(*args: object, **kwargs: object) -> None:
        raise LookupError("no task today")

    @task
    async def installs() -> None:
        asyncio.get_running_loop().set_task_factory(refuses)  # type: ignore[arg-type]

    store = Patient(claim_of(0))
    rig = Rig(store, installs, installs)
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,S"]
    store.stock.append(claim_of(1))
    assert rig.tokens(2) == ["0,1,S", "1,1,F"]
    info = ErrorInfo.unpack(rig.store.outcomes[1].payload)
    assert (info.type, info.message) == ("LookupError", "no task today")
    rig.finish()


def test_a_thread_of_the_lane_that_breaks_is_reported() -> None:
    """The lane continued without it: nothing was claimed any more, silently."""
    rig = Rig(Patient())
    rig.store.on_complete = lambda: pytest.fail("an error that nothing knows")
    rig.lane._pump.run()
    assert not isinstance(rig.errors[0], FlowkitError)
    rig.lane._loop.close()
