"""A lane and a task that must never start twice: the board names it until Redis has its outcome."""

from __future__ import annotations

from typing import Any

import pytest
from bench import LANE, Counter, FakeInputs, claim_of, dag_of, executor_of, trouble_of
from helpers import wait_until

from flowkit import Task, task
from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.records import ErrorInfo
from flowkit.worker.async_lane import AsyncLane
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.mailbox import Mailbox
from flowkit.worker.sync_lane import SyncLane

ONCE = "0="


class Watched(Counter):
    """A store that looks at the board whenever it is about to record outcomes."""

    def __init__(self, *stock: Any) -> None:
        super().__init__(*stock)
        self.slots = ExecutionSlots(1)
        self.seen: list[tuple[list[str], list[int]]] = []  # outcomes, and what was executing
        self.broken = False

    def complete(self, lane: str, outcomes: Any, *rest: Any) -> Any:
        if outcomes and self.broken:
            raise RedisUnavailable("away")
        if outcomes:
            executing = [item.task for item in self.slots.executing()]
            self.seen.append(([outcome.token for outcome in outcomes], executing))
        return super().complete(lane, outcomes, *rest)


def sync_lane(store: Watched, *tasks: Task) -> SyncLane:
    inputs: Any = FakeInputs(dag_of(*tasks))
    anything: Any = store
    mailbox = Mailbox(anything, LANE, ["default"])
    lane = SyncLane(
        mailbox, anything, inputs, executor_of(inputs), store.slots, trouble=trouble_of()
    )
    store.wait_for_work = lambda lists, seconds, app="": bool(lane.drain())  # type: ignore[method-assign]
    lane._learn(0.000001)  # it claims all there is at once
    return lane


def nothing() -> Task:
    @task
    def nothing(*values: object) -> None: ...

    return nothing


def test_the_slot_names_it_until_its_outcome_is_recorded() -> None:
    claims = [claim_of(task, spent=ONCE) for task in range(3)]
    store = Watched(*claims)
    lane = sync_lane(store, *(nothing() for _ in range(3)))
    lane.run()
    assert store.seen == [([f"{task},1,S"], [task]) for task in range(3)]
    assert list(store.slots.executing()) == []
    assert lane.done == 3


def test_other_tasks_are_reported_together_as_before() -> None:
    store = Watched(*(claim_of(task) for task in range(3)))
    sync_lane(store, *(nothing() for _ in range(3))).run()
    assert store.seen == [(["0,1,S", "1,1,S", "2,1,S"], [])]


def test_it_stays_in_its_slot_during_an_outage() -> None:
    """The worker is stopping, so the lane has no patience; its parent may kill it any time."""
    store = Watched(claim_of(0, spent=ONCE), claim_of(1, spent=ONCE))
    lane = sync_lane(store, nothing(), nothing())
    store.broken = True
    mailbox = lane._mailbox
    mailbox.exchange(2)
    with pytest.raises(RedisUnavailable):
        lane._work_off()
    assert [item.task for item in store.slots.executing()] == [0]
    store.broken = False
    lane._wind_up()
    assert store.tokens() == ["0,1,S"]
    assert store.released == ["r1,1"], "what has not started is given back"
    assert store.unsure == [b""]


def test_a_coroutine_keeps_its_slot_until_its_outcome_is_recorded() -> None:
    @task
    async def once() -> int:
        return 1

    store = Watched(claim_of(0, spent=ONCE))
    inputs: Any = FakeInputs(dag_of(once))
    anything: Any = store
    lane = AsyncLane(
        Mailbox(anything, LANE + "a", ["default~async"]),
        anything,
        inputs,
        executor_of(inputs),
        store.slots,
        trouble=trouble_of(),
    )
    lane.start()
    wait_until("the slot is free again", lambda: store.seen and len(lane._free) == 1)
    lane.drain()
    lane.join()
    assert store.seen == [(["0,1,S"], [0])]
    assert list(store.slots.executing()) == []
    loop = lane._loop
    wait_until("the loop has stopped", lambda: not loop.is_running())
    loop.close()


def test_a_claim_known_only_to_redis_is_returned_in_doubt() -> None:
    """It may have run before the store went back in time."""
    store = Counter(claim_of(0))
    mailbox: Any = Mailbox(store, LANE, ["default"])  # type: ignore[arg-type]
    store.held["r0,9"] = claim_of(9, run="r0", spent=ONCE)
    mailbox.exchange(1)
    assert store.released == ["r0,9"]
    assert "may or may not have done" in ErrorInfo.unpack(store.unsure[0]).message
