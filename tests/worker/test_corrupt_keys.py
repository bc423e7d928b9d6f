"""Keys that hold something else than a worker wrote there: it says so, waits, and ends nothing.

A parent that ended took its children with it, and so did the next one that was started; a lane
that ended took its process, again and again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from bench import LANE, Counter, FakeInputs, claim_of, dag_of, executor_of, trouble_of
from helpers import wait_until

from flowkit import Task, task
from flowkit.daemon.outage import OutageLog
from flowkit.embedded import EmbeddedServer
from flowkit.exceptions import RedisUnavailable, StoreError
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.link import Link
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.worker_store import WorkerStore
from flowkit.worker import sync_lane, trouble
from flowkit.worker.async_lane import AsyncLane
from flowkit.worker.children import ChildProcess
from flowkit.worker.config import WorkerConfig
from flowkit.worker.death_reporter import DeathReporter
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.lease_keeper import LeaseKeeper
from flowkit.worker.mailbox import Mailbox
from flowkit.worker.sync_lane import SyncLane


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "PAUSE_S", 0.01)


@pytest.fixture
def outages() -> OutageLog:
    return OutageLog(EventLog(FlowkitLogger("flowkit.test", "INFO")), lambda: LANE)


# -- lanes ----------------------------------------------------------------------------------------


class CorruptData(Counter):
    """A store whose keys are damaged for some calls."""

    def __init__(self, *stock: Any, failures: int = 3) -> None:
        super().__init__(*stock)
        self.failures = failures

    def complete(self, *args: Any) -> Any:
        self.fail()
        return super().complete(*args)

    def fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("WRONGTYPE")


def counted() -> tuple[Task, list[int]]:
    calls: list[int] = []

    @task
    def note() -> None:
        calls.append(1)

    return note, calls


def test_a_sync_lane_survives_damaged_keys_and_runs_later_claims() -> None:
    note, calls = counted()
    store: Any = CorruptData(claim_of())
    inputs: Any = FakeInputs(dag_of(note))
    mailbox = Mailbox(store, LANE, ["default"])
    lane = SyncLane(
        mailbox, store, inputs, executor_of(inputs), ExecutionSlots(0), trouble=trouble_of()
    )
    looks = iter([StoreError("WRONGTYPE of its wake list"), None])

    def wait_for_work(lists: object, seconds: float, app: str = "") -> bool:
        look = next(looks)
        if look is not None:
            raise look
        lane.drain()
        return False

    store.wait_for_work = wait_for_work
    lane.run()
    assert calls == [1]
    assert [outcome.token for outcome in store.outcomes] == ["0,1,S"]


def test_an_outcome_that_must_be_recorded_first_survives_damaged_keys() -> None:
    note, calls = counted()
    store: Any = CorruptData(claim_of(spent="0="), failures=0)
    inputs: Any = FakeInputs(dag_of(note))
    slots = ExecutionSlots(0)
    mailbox = Mailbox(store, LANE, ["default"])
    lane = SyncLane(mailbox, store, inputs, executor_of(inputs), slots, trouble=trouble_of())
    store.on_complete = lambda: setattr(store, "failures", 0 if store.outcomes else 2)
    mailbox.exchange(1)
    lane._work_off()
    assert calls == [1]
    assert [outcome.token for outcome in store.outcomes] == ["0,1,S"]
    assert list(slots.executing()) == []


def test_outcomes_survive_damaged_keys_while_a_neighbour_runs() -> None:
    note, _ = counted()
    store: Any = CorruptData(failures=2)
    inputs: Any = FakeInputs(dag_of(note))
    mailbox = Mailbox(store, LANE, ["default"])
    ended: list[BaseException] = []
    lane_trouble = trouble_of(ended.append)
    lane = SyncLane(
        mailbox, store, inputs, executor_of(inputs), ExecutionSlots(0), trouble=lane_trouble
    )
    lane._since = 1.0  # a task has been running for long
    mailbox.put(Outcome.decode("r1", "0,1,S"))
    threading.Thread(target=lane._report, daemon=True).start()
    lane._active.set()
    wait_until("the outcome is sent", lambda: len(store.outcomes) == 1)
    mailbox.put(Outcome.decode("r1", "1,1,S"))
    store.failures = 2
    lane._active.set()
    wait_until("the reporter has lived on", lambda: len(store.outcomes) == 2)
    assert ended == []


def test_a_sync_lane_stops_despite_damaged_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_lane, "AGAIN_S", 0.01)
    note, _ = counted()
    store: Any = CorruptData(failures=3)
    inputs: Any = FakeInputs(dag_of(note))
    mailbox = Mailbox(store, LANE, ["default"])
    lane = SyncLane(
        mailbox, store, inputs, executor_of(inputs), ExecutionSlots(0), trouble=trouble_of()
    )
    mailbox.put(Outcome.decode("r1", "0,1,S"))
    lane.drain()
    lane.run()
    assert [outcome.token for outcome in store.outcomes] == ["0,1,S"]


def test_an_async_lane_waits_for_work_beside_a_damaged_wake_list() -> None:
    note, _ = counted()
    store: Any = Counter()
    inputs: Any = FakeInputs(dag_of(note))
    ended: list[BaseException] = []
    mailbox = Mailbox(store, LANE, ["default"])
    lane_trouble = trouble_of(ended.append)
    lane = AsyncLane(
        mailbox, store, inputs, executor_of(inputs), ExecutionSlots(1), trouble=lane_trouble
    )
    looks: list[int] = []

    def wait_for_work(lists: object, seconds: float, app: str = "") -> bool:
        looks.append(1)
        if len(looks) < 3:
            raise StoreError("WRONGTYPE of its wake list")
        return False

    store.wait_for_work = wait_for_work
    lane.start()
    wait_until("it has looked again", lambda: len(looks) >= 3 or ended)
    lane.drain()
    lane.join()
    wait_until("its loop has ended", lambda: not lane._loop.is_running())
    lane._loop.close()
    assert ended == []


def test_an_async_lane_survives_damaged_keys_and_runs_later_claims() -> None:
    calls: list[int] = []

    @task
    async def note() -> None:
        calls.append(1)

    store: Any = CorruptData(claim_of())
    inputs: Any = FakeInputs(dag_of(note))
    slots = ExecutionSlots(1)
    mailbox = Mailbox(store, LANE, ["default"])
    lane = AsyncLane(mailbox, store, inputs, executor_of(inputs), slots, trouble=trouble_of())
    lane.start()
    wait_until(
        "the outcome is sent", lambda: [outcome.token for outcome in store.outcomes] == ["0,1,S"]
    )
    lane.drain()
    lane.join()
    wait_until("its loop has ended", lambda: not lane._loop.is_running())
    lane._loop.close()
    assert calls == [1]


def test_a_reply_too_large_for_memory_is_retried(
    outages: OutageLog, capfd: pytest.CaptureFixture[str]
) -> None:
    replies = iter([MemoryError(), None])

    def read() -> str:
        error = next(replies)
        if error is not None:
            raise error
        return "read"

    assert trouble.Trouble(outages, pytest.fail).outlast(read) == "read"
    assert "not enough memory" in capfd.readouterr().out


def test_a_stopping_lane_does_not_wait_for_damaged_keys(outages: OutageLog) -> None:
    lane = trouble.Trouble(outages, pytest.fail)
    lane.draining.set()

    def fail() -> None:
        raise StoreError("WRONGTYPE")

    with pytest.raises(StoreError, match="WRONGTYPE"):
        lane.outlast(fail)


def test_an_outage_is_left_to_the_link(outages: OutageLog) -> None:
    def away() -> None:
        raise RedisUnavailable("away")

    with pytest.raises(RedisUnavailable):
        trouble.Trouble(outages, pytest.fail).outlast(away)


# -- the parent -----------------------------------------------------------------------------------


@pytest.fixture
def store(fake_server: EmbeddedServer, namespace: str) -> Iterator[WorkerStore]:
    link = Link(fake_server.url)
    yield WorkerStore(link, namespace)
    link.close()


def test_a_worker_registers_once_its_keys_are_fixed(
    fake_server: EmbeddedServer, store: WorkerStore, namespace: str, outages: OutageLog,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    store.link.call("SET", store.keys.workers(), "no set")
    config = WorkerConfig(("app",), fake_server.url, namespace)
    lease_keeper = LeaseKeeper(config, store, outages, allow_eviction=False)
    mender = Link(fake_server.url)
    tries = iter(range(100))

    def mended() -> bool:
        if next(tries) == 2:
            mender.call("DEL", store.keys.workers())
        return False

    lease_keeper.enlist(mended)
    mender.close()
    alive = ClientStore(store.link, store.keys.namespace).alive_workers()
    assert [item.worker for item in alive] == [lease_keeper.worker]
    assert "WRONGTYPE" in capfd.readouterr().out
    store.link.call("DEL", store.keys.worker(lease_keeper.worker))
    store.link.call("SET", store.keys.worker(lease_keeper.worker), "no hash")
    assert lease_keeper.beat(["W.0"]) is None
    store.link.call("SET", store.keys.workers(), "no set")
    lease_keeper.retire()
    store.link.call("DEL", store.keys.workers())
    store.link.call("DEL", store.keys.worker(lease_keeper.worker))


def test_reports_of_a_lane_with_damaged_keys_go_behind_the_others_in_their_order(
    outages: OutageLog,
) -> None:
    sent: list[tuple[str, int]] = []
    death_reporter = DeathReporter(SimpleNamespace(), outages)  # type: ignore[arg-type]

    def report(lane: str, number: int, *, broken: bool) -> None:
        def send() -> None:
            if broken and len(sent) < 2:
                raise StoreError("WRONGTYPE")
            sent.append((lane, number))

        death_reporter._queue(lane, send)

    report("W.0", 1, broken=True)
    report("W.0", 2, broken=True)
    report("W.1", 3, broken=False)
    report("W.1", 4, broken=False)
    assert not death_reporter.deliver()
    assert death_reporter.lanes == ["W.1", "W.0"], "a lane that is not reported stays registered"
    assert death_reporter.deliver()
    assert sent == [("W.1", 3), ("W.1", 4), ("W.0", 1), ("W.0", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "r1",
        "r1,0",
        "r1,x,1",
        "a|b,0,1",
        "r" * 400 + ",0,1",
        "r1,0," + "9" * 300,
        "\xff\xfe,0,1",
        "r1,0,1|0,1,F|many|name",
        "r1,0,1|drain|1.0|name",
        "",
    ],
)
def test_an_invalid_slot_is_skipped(text: str) -> None:
    """The memory is shared with user code. A text without a number ended the worker's parent."""
    slots = ExecutionSlots(1)
    slots.enter(0, text, 1.0)
    slots.enter(1, "r1,1,1")
    assert [attempt.key for attempt in slots.executing()] == ["r1,1"]
    assert slots.overdue(2.0)


def test_no_text_adds_a_line_to_the_control_pipe() -> None:
    reader, writer = os.pipe()
    child = ChildProcess(0, 0, ExecutionSlots(0), writer, ("W.0", "W.0a"), 0.0)
    nasty = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\udc80"]
    for end in nasty:
        child.tell(f"stop W.0 a{end}drain,0,1")
    os.close(writer)
    with os.fdopen(reader, "r", encoding="utf-8", errors="replace") as lines:
        messages = list(lines)
    assert len(messages) == len(nasty)
    assert all(line.startswith("stop W.0 a") for line in messages)
