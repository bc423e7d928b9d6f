"""How a worker counts what it does, and what readers accept of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgpack
import pytest
from bench import Counter, FakeInputs, claim_of, dag_of, executor_of, trouble_of

from flowkit import Task, task
from flowkit.core.worker_info import QueueRate, WorkerInfo
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.worker_info import parse_about
from flowkit.protocol.worker_store import WorkerStore
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.lane_counts import LaneCounts, LaneTally, Writer
from flowkit.worker.lease_keeper import LeaseKeeper
from flowkit.worker.mailbox import Mailbox
from flowkit.worker.sync_lane import SyncLane
from flowkit.worker.throughput import MOST_MS, REFRESH_S, WINDOW_S, Throughput, WorkerLoad

QUEUES = ("default", "gpu")


def child(queues: int = 2) -> Any:
    return SimpleNamespace(slots=ExecutionSlots(3, queues))


@pytest.fixture
def time() -> list[float]:
    return [100.0]


@pytest.fixture
def throughput(time: list[float]) -> Throughput:
    return Throughput(QUEUES, monotonic=lambda: time[0])


def test_rates_cover_the_last_minute_and_then_nothing(
    throughput: Throughput, time: list[float]
) -> None:
    worker = child()
    assert throughput.look([worker]) == WorkerLoad()
    worker.slots.counts.add(Writer.SYNC, 0, 30, 1.5)
    worker.slots.counts.add(Writer.LOOP, 0, 10, 2.5)
    worker.slots.counts.add(Writer.SYNC, 1, 1, 0.25)
    time[0] += REFRESH_S
    rates = (("default", 40, 4000), ("gpu", 1, 250))
    assert throughput.look([worker]) == WorkerLoad(0, 0, 5000, rates), "a young worker"
    for _ in range(int(WINDOW_S / REFRESH_S) - 1):
        time[0] += REFRESH_S
        load = throughput.look([worker])
    assert load == WorkerLoad(0, 0, 60_000, rates)
    for _ in range(2):
        time[0] += REFRESH_S
        load = throughput.look([worker])
    assert load == WorkerLoad(), "an idle worker reports always the same, so it sends nothing"


def test_a_dead_child_is_counted_to_its_last_batch(
    throughput: Throughput, time: list[float]
) -> None:
    worker = child()
    throughput.look([worker])
    worker.slots.counts.add(Writer.SYNC, 0, 7, 0.7)
    worker.slots.close()
    throughput.child_ended(worker)
    time[0] += REFRESH_S
    assert throughput.look([child()]).rates == (("default", 7, 700),)


def test_busy_lanes_are_told_soon_if_they_stay_busy(
    throughput: Throughput, time: list[float]
) -> None:
    one, other = child(), child()
    throughput.look([one, other])
    one.slots.enter(0, "r,0,1")
    one.slots.enter(2, "r,1,1")
    one.slots.enter(3, "r,2,1")
    time[0] += 1
    assert throughput.look([one, other]) == WorkerLoad(), "it may be a short task"
    time[0] += 1
    load = throughput.look([one, other])
    assert (load.busy, load.busy_async) == (1, 2)
    one.slots.leave(0)
    time[0] += 1
    assert throughput.look([one, other]) is load


def test_overwritten_counters_do_not_end_the_parent(
    throughput: Throughput, time: list[float]
) -> None:
    """The memory is shared with user code, which can write anything into it."""
    worker = child()
    throughput.look([worker])
    counts: LaneCounts = worker.slots.counts
    counts._memory[:] = b"\xff" * len(counts._memory)
    counts.add(Writer.SYNC, 0, 1, 0.1)
    time[0] += REFRESH_S
    assert throughput.look([worker]).rates == ()


def test_tasks_that_took_months_fit_the_description(
    throughput: Throughput, time: list[float]
) -> None:
    worker = child()
    throughput.look([worker])
    worker.slots.counts.add(Writer.SYNC, 0, 1, 1e9)
    time[0] += REFRESH_S
    assert throughput.look([worker]).rates == (("default", 1, MOST_MS),)


# -- what lanes count ------------------------------------------------------------------------------


@task
def plain() -> None: ...


@task(queue="gpu")
def fast() -> None: ...


@task(queue="elsewhere")
def strange() -> None: ...


def counted(queues: tuple[str, ...], *tasks: Task) -> list[int]:
    """Return what a sync lane of these queues has counted after one attempt of each task."""
    slots = ExecutionSlots(0, len(queues))
    store: Any = Counter(*map(claim_of, range(len(tasks))))
    inputs: Any = FakeInputs(dag_of(*tasks))
    mailbox = Mailbox(store, "W.0", queues)
    executor = executor_of(inputs)
    lane = SyncLane(mailbox, store, inputs, executor, slots, trouble=trouble_of())
    store.wait_for_work = lambda lists, seconds, app="": bool(lane.drain())
    lane.run()
    assert all(seconds > 0 for ended, seconds in slots.counts.totals() if ended)
    return [ended for ended, _ in slots.counts.totals()]


def test_a_lane_counts_each_attempt_in_its_queue() -> None:
    assert counted(("default",), plain, plain, plain) == [3]
    assert counted(("gpu", "default"), plain, fast, plain, strange) == [1, 2]


def test_an_attempt_of_an_unknown_graph_is_not_counted() -> None:
    counts = LaneCounts(2)
    LaneTally(counts, Writer.LOOP, QUEUES, lambda digest: None).ended(claim_of(), 1.0)
    assert counts.totals() == ((0, 0.0), (0, 0.0))


# -- telling it ------------------------------------------------------------------------------------


def test_the_load_is_part_of_the_description(lease_keeper: LeaseKeeper, store: WorkerStore) -> None:
    def told() -> WorkerInfo:
        (item,) = ClientStore(store.link, store.keys.namespace).alive_workers()
        return item

    lease_keeper.enlist(lambda: False)
    assert (told().busy, told().busy_async, told().rates) == (0, 0, ())
    lease_keeper.load = WorkerLoad(2, 5, 30_000, (("default", 60, 1500),))
    lease_keeper.beat(["W.0"])
    assert (told().busy, told().busy_async) == (2, 5)
    (rate,) = told().rates or ()
    assert rate == QueueRate("default", 60, 30.0, 1.5)
    assert (rate.per_minute, rate.mean_s) == (120.0, 0.025)


def test_a_heartbeat_repeats_no_load_that_is_known(
    lease_keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    beat = lease_keeper._store.heartbeat

    def noted(worker: str, lease_ms: int, lanes: Any, about: bytes = b"", apps: str = "") -> Any:
        sent.append(about)
        return beat(worker, lease_ms, lanes, about, apps)

    monkeypatch.setattr(lease_keeper._store, "heartbeat", noted)
    lease_keeper.enlist(lambda: False)
    lease_keeper.load = WorkerLoad(1)
    lease_keeper.beat([])
    lease_keeper.beat([])
    assert [bool(about) for about in sent] == [True, True, False]


def test_an_older_worker_reports_no_load() -> None:
    info = parse_about("W", msgpack.packb({"host": "h", "queues": ["default"]}))
    assert (info.damaged, info.busy, info.busy_async, info.rates) == ("", None, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"busy": 1},
        {"busy": [1]},
        {"busy": [1, -1]},
        {"busy": [1, True]},
        {"busy": [2**32, 0]},
        {"rates": [1]},
        {"rates": {"default": [1, 1]}},
        {"rates": {"default": [1, 1]}, "window_ms": 0},
        {"rates": {"default": [1, 1]}, "window_ms": -1},
        {"rates": {"default": [0, 1]}, "window_ms": 1},
        {"rates": {"default": [1, 1.5]}, "window_ms": 1},
        {"rates": {"default": [1]}, "window_ms": 1},
        {"rates": {"default": 1}, "window_ms": 1},
        {"rates": {7: [1, 1]}, "window_ms": 1},
        {"rates": {"x" * 65: [1, 1]}, "window_ms": 1},
        {"rates": {str(n): [1, 1] for n in range(51)}, "window_ms": 1},
    ],
    ids=str,
)
def test_a_load_that_no_worker_sends_is_damaged(wrong: dict[str, object]) -> None:
    assert "its description is damaged" in parse_about("W", msgpack.packb(wrong)).damaged
