"""The async lane over a store that the test plays: concurrency, deadlines, cancels at any time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bench import LANE, Counter, FakeInputs, claim_of, dag_of, executor_of, trouble_of
from helpers import wait_until

from flowkit import Task, task
from flowkit.protocol.records import ErrorInfo
from flowkit.worker.async_lane import AsyncLane
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.mailbox import Mailbox

CAPACITY = 3


class Rig:
    """An async lane with room for three, and what surrounds it."""

    def __init__(self, store: Counter, *tasks: Task, args: tuple[object, ...] = ()) -> None:
        self.store = store
        self.slots = ExecutionSlots(CAPACITY)
        self.errors: list[BaseException] = []
        inputs: Any = FakeInputs(dag_of(*tasks), *args)
        mailbox = Mailbox(store, LANE + "a", ["default~async"])  # type: ignore[arg-type]
        self.lane = AsyncLane(
            mailbox,
            store,  # type: ignore[arg-type]
            inputs,
            executor_of(inputs),
            self.slots,
            trouble=trouble_of(self.errors.append),
        )

    def finish(self) -> None:
        wait_until("nothing is claimed", lambda: not self.store.held and not self.store.stock)
        self.lane.drain()
        self.close()
        assert self.errors == []
        assert list(self.slots.executing()) == []
        assert len(self.lane._free) == CAPACITY, "a slot was lost"

    def close(self) -> None:
        """End the lane. A child leaves its loop to the end of its process; a test may not."""
        self.lane.join()
        loop = self.lane._loop
        wait_until("the loop has stopped", lambda: not loop.is_running())
        loop.close()

    def tokens(self, count: int) -> list[str]:
        wait_until(f"{count} outcomes are sent", lambda: len(self.store.outcomes) >= count)
        return sorted(self.store.tokens())


class Patient(Counter):
    """A store whose wait for work ends when there is some."""

    def __init__(self, *stock: Any) -> None:
        super().__init__(*stock)
        self.news = threading.Event()

    def wait_for_work(self, lists: object, seconds: float, app: str = "") -> bool:
        self.news.wait(0.02)
        return bool(self.stock)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def waiting(gate: threading.Event, started: list[str], **options: Any) -> Task:
    @task(**options)
    async def wait(*values: object) -> str:
        started.append("wait")
        while not gate.is_set():
            await asyncio.sleep(0.002)
        return "done"

    return wait


def test_as_many_run_as_there_are_slots(gate: threading.Event) -> None:
    started: list[str] = []
    item = waiting(gate, started)
    rig = Rig(Patient(*map(claim_of, range(5))), *[item] * 5)
    rig.lane.start()
    wait_until("the room is full", lambda: len(started) == CAPACITY)
    assert len(list(rig.slots.executing())) == CAPACITY
    assert len(rig.store.stock) == 2
    gate.set()
    assert rig.tokens(5) == [f"{n},1,S" for n in range(5)]
    rig.finish()
    assert rig.lane.done == 5
    ((ended, seconds),) = rig.slots.counts.totals()
    assert ended == 5
    assert seconds > 0


def test_a_coroutine_past_its_deadline_is_cancelled(gate: threading.Event) -> None:
    rig = Rig(Patient(claim_of()), waiting(gate, [], timeout=0.05))
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,F"]
    assert ErrorInfo.unpack(rig.store.outcomes[0].payload).type == "TaskTimeout"
    rig.finish()


@pytest.mark.parametrize("ending", ["return", "raise"])
def test_a_coroutine_that_catches_its_cancellation_still_times_out(ending: str) -> None:
    @task(timeout=0.02)
    async def stubborn() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if ending == "raise":
                raise ConnectionError("cut off") from None
        return "as if it were done"

    rig = Rig(Patient(claim_of()), stubborn)
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,F"]
    assert ErrorInfo.unpack(rig.store.outcomes[0].payload).type == "TaskTimeout"
    rig.finish()


def test_a_timeout_raised_by_the_coroutine_is_not_its_timeout() -> None:
    @task(timeout=60)
    async def own() -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    rig = Rig(Patient(claim_of()), own)
    rig.lane.start()
    rig.tokens(1)
    assert ErrorInfo.unpack(rig.store.outcomes[0].payload).type == "TimeoutError"
    rig.finish()


def test_a_cancelled_attempt_ends_and_its_neighbours_continue(gate: threading.Event) -> None:
    started: list[str] = []
    item = waiting(gate, started)
    rig = Rig(Patient(*map(claim_of, range(2))), item, item)
    rig.lane.start()
    wait_until("both run", lambda: len(started) == 2)
    rig.lane.cancel("r1,0,1")
    assert rig.tokens(1) == ["0,1,C"]
    gate.set()
    assert rig.tokens(2) == ["0,1,C", "1,1,S"]
    rig.finish()


def test_a_cancel_before_the_first_line_returns_everything(gate: threading.Event) -> None:
    """The loop was busy when the attempt and its cancel came, and took both in one turn. The
    coroutine was then cancelled before it began, and with it went its slot and its outcome."""
    started: list[str] = []
    block, blocked = threading.Event(), threading.Event()

    @task
    async def blocks() -> None:
        blocked.set()
        block.wait(20)

    item = waiting(gate, started)
    store = Patient(claim_of(0))
    rig = Rig(store, blocks, item)
    rig.lane.start()
    assert blocked.wait(20)
    store.stock.append(claim_of(1))
    wait_until("it is claimed", lambda: "r1,1" in store.held)
    wait_until("it is prepared", lambda: len(list(rig.slots.executing())) == 2)
    rig.lane.cancel("r1,1,1")
    block.set()
    assert rig.tokens(2) == ["0,1,S", "1,1,C"]
    assert started == []
    rig.finish()


def test_an_unrequested_cancelled_error_is_a_failure() -> None:
    @task
    async def gives_up() -> None:
        raise asyncio.CancelledError

    rig = Rig(Patient(claim_of()), gives_up)
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,F"]
    rig.finish()


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError("no")])
def test_no_exception_of_a_task_ends_the_lane(error: BaseException) -> None:
    @task
    async def fails() -> None:
        raise error

    @task
    async def fine() -> None: ...

    rig = Rig(Patient(claim_of(0), claim_of(1)), fails, fine)
    rig.lane.start()
    assert rig.tokens(2) == ["0,1,F", "1,1,S"]
    rig.finish()


def test_the_slot_names_an_attempt_during_its_condition() -> None:
    rig: Rig
    seen: list[list[str]] = []

    def look(value: object) -> bool:
        seen.append([item.key for item in rig.slots.executing()])
        return False

    @task(when=look)
    async def skipped(value: object) -> None: ...

    rig = Rig(Patient(claim_of()), skipped, args=(1,))
    rig.lane.start()
    assert rig.tokens(1) == ["0,1,K"]
    assert seen == [["r1,0"]]
    rig.finish()


def test_a_drained_lane_claims_nothing_and_ends_with_its_running_tasks(
    gate: threading.Event,
) -> None:
    started: list[str] = []
    item = waiting(gate, started)
    store = Patient(claim_of(0))
    rig = Rig(store, item, item)
    rig.lane.start()
    wait_until("it runs", lambda: started)
    rig.lane.drain()
    store.stock.append(claim_of(1))
    gate.set()
    rig.close()
    assert store.tokens() == ["0,1,S"]
    assert store.stock == [claim_of(1)]
