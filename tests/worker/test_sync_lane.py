"""The sync lane over a store that the test plays: how much it claims, and what it starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from bench import LANE, Counter, FakeInputs, claim_of, dag_of, executor_of, trouble_of
from helpers import wait_until

from flowkit import Task, task
from flowkit.exceptions import LeaseLost
from flowkit.protocol.records import ErrorInfo
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.mailbox import MAX_BATCH, Mailbox
from flowkit.worker.sync_lane import BATCH_S, SLOT, SyncLane


class Rig:
    """A sync lane and what surrounds it."""

    def __init__(
        self,
        store: Counter,
        *tasks: Task,
        args: tuple[object, ...] = (),
        may_claim_more: Callable[[int], bool] = lambda done: True,
    ) -> None:
        self.store = store
        self.slots = ExecutionSlots(0)
        self.errors: list[BaseException] = []
        self.mailbox = Mailbox(store, LANE, ["default"])  # type: ignore[arg-type]
        inputs: Any = FakeInputs(dag_of(*tasks), *args)
        waiter: Any = store
        self.lane = SyncLane(
            self.mailbox,
            waiter,
            inputs,
            executor_of(inputs),
            self.slots,
            may_claim_more=may_claim_more,
            trouble=trouble_of(self.errors.append),
        )

    def run_until_idle(self) -> None:
        """Run the lane; drain it when there is nothing left to claim."""
        self.store.wait_for_work = lambda lists, seconds, app="": bool(self.lane.drain())  # type: ignore[method-assign]
        self.lane.run()


def noop() -> Task:
    @task
    def nothing(*values: object) -> None: ...

    return nothing


# -- how much to claim ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "batch"),
    [
        (BATCH_S * 2, 1),
        (BATCH_S, 1),
        (BATCH_S / 10, 10),
        (BATCH_S / 10_000, MAX_BATCH),
    ],
)
def test_a_batch_is_about_twenty_milliseconds_of_work(seconds: float, batch: int) -> None:
    lane = Rig(Counter(), noop()).lane
    assert lane._batch_size() == 1, "nothing is known yet"
    lane._learn(seconds)
    assert lane._batch_size() == pytest.approx(batch, abs=1)


def test_outcomes_of_slow_tasks_are_sent_immediately_and_of_fast_ones_soon() -> None:
    lane = Rig(Counter(), noop()).lane
    lane._learn(BATCH_S / 100)
    lane._learn(BATCH_S * 5)
    assert lane._batch_size() == 1
    for _ in range(20):
        lane._learn(BATCH_S / 100)
    assert lane._batch_size() > 90


def test_it_claims_one_and_then_more() -> None:
    rig = Rig(Counter(*map(claim_of, range(1))), noop())
    rig.run_until_idle()
    limits = [limit for _, _, limit in rig.store.calls if limit]
    assert limits[0] == 1
    assert limits[1] > 1


def test_a_batch_that_takes_long_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tasks are slower than those before. A small run would wait for all of them."""
    monkeypatch.setattr("flowkit.worker.sync_lane.LONGEST_BATCH_S", 0.0)
    order: list[int] = []
    rig = Rig(Counter(*map(claim_of, range(5))), *[_noting(order, n) for n in range(5)])
    rig.lane._learn(BATCH_S / 100)
    rig.run_until_idle()
    assert order == [0]
    assert sorted(rig.store.released) == [claim_of(n).key for n in range(1, 5)]
    assert rig.store.tokens() == ["0,1,S"]
    assert rig.errors == []


# -- what it starts -------------------------------------------------------------------------------


def test_all_claims_run_in_order_and_are_reported() -> None:
    order: list[int] = []
    tasks = [_noting(order, n) for n in range(20)]
    rig = Rig(Counter(*map(claim_of, range(20))), *tasks)
    rig.run_until_idle()
    assert order == list(range(20))
    assert rig.store.tokens() == [f"{n},1,S" for n in range(20)]
    assert rig.store.held == {}
    assert rig.lane.done == 20


def _noting(order: list[int], number: int) -> Task:
    @task(name=f"note_{number}")
    def note() -> None:
        order.append(number)

    # A reference of its own: tasks are looked up by it.
    note.ref = f"bench:note_{number}"
    Task._by_ref[note.ref] = note
    return note


@pytest.mark.parametrize("method", ["prepare", "succeeded", "raised"])
def test_an_error_around_a_function_still_gives_an_outcome(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It once ended the process while the board named no task: the attempt was made forever."""
    order: list[int] = []
    rig = Rig(Counter(*map(claim_of, range(2))), *[_noting(order, n) for n in range(2)])

    def breaks(*args: object, **kwargs: object) -> None:
        raise SystemExit("installed by the app")

    monkeypatch.setattr(rig.lane._executor, method, breaks)
    if method == "raised":
        monkeypatch.setattr(rig.lane._executor, "succeeded", breaks)
    rig.run_until_idle()
    assert rig.store.tokens() == ["0,1,F", "1,1,F"]
    assert ErrorInfo.unpack(rig.store.outcomes[0].payload).message == "installed by the app"
    assert list(rig.slots.executing()) == []


def test_an_attempt_that_was_cancelled_before_its_turn_is_not_started() -> None:
    order: list[int] = []
    tasks = [_noting(order, n) for n in range(3)]
    rig = Rig(Counter(*map(claim_of, range(3))), *tasks)
    rig.lane.cancel("r1,1,1")
    rig.run_until_idle()
    assert order == [0, 2]
    assert sorted(rig.store.tokens()) == ["0,1,S", "1,1,C", "2,1,S"]


def test_a_process_runs_no_more_tasks_than_it_may() -> None:
    order: list[int] = []
    tasks = [_noting(order, n) for n in range(30)]
    rig = Rig(Counter(*map(claim_of, range(30))), *tasks, may_claim_more=lambda done: done < 7)
    rig.lane.run()
    assert order == list(range(7))
    assert rig.store.held == {}, "what it had claimed beyond that was not given back"


def test_a_drained_lane_finishes_its_running_task_and_returns_the_rest() -> None:
    rig: Rig
    order: list[str] = []

    @task
    def last() -> None:
        order.append("last")
        rig.lane.drain()

    rig = Rig(Counter(*map(claim_of, range(5))), *[last] * 5)
    rig.lane._learn(BATCH_S / 100)
    rig.lane.run()
    assert order == ["last"]
    assert rig.store.tokens() == ["0,1,S"]
    assert sorted(rig.store.released) == ["r1,1", "r1,2", "r1,3", "r1,4"]


# -- the board -------------------------------------------------------------------------------------


def test_the_slot_names_the_attempt_from_its_condition_to_its_result() -> None:
    """Whatever of the user's code or data ends the process, somebody must be there to blame."""
    seen: dict[str, list[str]] = {}
    rig: Rig

    def look(where: str) -> bool:
        seen[where] = [f"{item.key},{item.attempt}" for item in rig.slots.executing()]
        return True

    class Result(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            look("packing")
            return super().__iter__()

    @task(when=lambda value: look("condition"))
    def looking(value: object) -> object:
        look("call")
        return Result()

    rig = Rig(Counter(claim_of()), looking, args=(1,))
    rig.store.on_complete = lambda: look("reporting") and None
    rig.run_until_idle()
    assert seen.pop("reporting") == []
    assert seen.pop("condition") == seen.pop("call") == ["r1,0,1"]
    assert set(map(tuple, seen.values())) <= {("r1,0,1",)}


def test_the_deadline_is_set_only_during_the_call() -> None:
    deadlines: list[float] = []
    rig: Rig

    @task(timeout=60)
    def timed() -> None:
        deadlines.extend(item.deadline for item in rig.slots.executing())

    rig = Rig(Counter(claim_of()), timed)
    rig.run_until_idle()
    (deadline,) = deadlines
    assert deadline > 0
    assert not rig.slots.overdue(deadline + 1)
    assert not rig.slots._memory[SLOT]


# -- the reporter ----------------------------------------------------------------------------------


def test_during_a_long_task_outcomes_are_sent_and_other_claims_returned() -> None:
    go_on = threading.Event()

    @task
    def quick() -> None: ...

    @task
    def slow() -> None:
        go_on.wait(20)

    rig = Rig(Counter(*map(claim_of, range(4))), quick, slow, quick, quick)
    rig.lane._learn(BATCH_S / 100)
    runner = threading.Thread(target=rig.run_until_idle)
    runner.start()
    wait_until("the first outcome is out", lambda: rig.store.tokens() == ["0,1,S"])
    wait_until("the rest is given back", lambda: rig.store.released == ["r1,3", "r1,2"])
    go_on.set()
    runner.join(20)
    assert rig.store.tokens() == ["0,1,S", "1,1,S"]


def test_a_lease_lost_during_a_long_task_is_noticed_immediately() -> None:
    go_on = threading.Event()

    @task
    def quick() -> None: ...

    @task
    def slow() -> None:
        go_on.wait(20)

    rig = Rig(Counter(*map(claim_of, range(2))), quick, slow)
    rig.lane._learn(BATCH_S / 100)

    def lose() -> None:
        if rig.mailbox.unsent:
            raise LeaseLost("declared dead")

    rig.store.on_complete = lose
    runner = threading.Thread(target=_expecting_loss, args=(rig,))
    runner.start()
    wait_until("the loss is heard of", lambda: rig.errors)
    assert not go_on.is_set()
    go_on.set()
    runner.join(20)


def _expecting_loss(rig: Rig) -> None:
    with pytest.raises(LeaseLost):
        rig.run_until_idle()
