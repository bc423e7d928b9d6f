"""What a worker tells of its children: who has loaded the app, and who waits for another run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from flowkit.context import Attempt, attempt_scope, hear_of_waits, waiting_for_run
from flowkit.exceptions import LeaseLost
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.bounded_reads import Field, read_in_bounds
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.link import Link
from flowkit.protocol.worker_store import WorkerStore
from flowkit.worker.execution_slots import ChildMark, ExecutionSlots
from flowkit.worker.lease_keeper import LeaseKeeper
from flowkit.worker.self_report import SAY_AFTER_S, ChildCounts, SelfReport, note_wait


def child(*marks: ChildMark) -> Any:
    slots = ExecutionSlots(1)
    slots.enter(0, "nightly,0,1|||outer")
    for mark in marks:
        slots.mark(mark)
    return SimpleNamespace(slots=slots)


@pytest.fixture
def time() -> list[float]:
    return [100.0]


@pytest.fixture
def report(time: list[float]) -> SelfReport:
    log = EventLog(FlowkitLogger("flowkit.test", "INFO"))
    return SelfReport(log, lambda: "W", monotonic=lambda: time[0])


def test_it_counts_who_is_ready_and_who_waits(report: SelfReport) -> None:
    children = [
        child(),
        child(ChildMark.READY),
        child(ChildMark.READY, ChildMark.WAITS),
        child(ChildMark.READY, ChildMark.LOOP_WAITS),
    ]
    assert report.look(children) == ChildCounts(ready=3, waiting=2)
    assert report.look([]) == ChildCounts()


def test_it_warns_once_when_all_have_waited_for_a_while(
    report: SelfReport, time: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    waiting, other = child(ChildMark.WAITS), child()

    def said_after(seconds: float) -> str:
        time[0] += seconds
        report.look([waiting, other])
        return capfd.readouterr().out

    assert said_after(SAY_AFTER_S) == "", "one is free"
    other.slots.mark(ChildMark.WAITS)
    assert said_after(0.0) == ""
    text = said_after(SAY_AFTER_S)
    assert "All 2 processes of worker W wait for other runs: task 'outer' of run nightly" in text
    assert "Start more workers" in text
    assert said_after(SAY_AFTER_S) == "", "it is said already"
    other.slots.mark(ChildMark.WAITS, on=False)
    assert said_after(SAY_AFTER_S) == ""
    other.slots.mark(ChildMark.WAITS)
    assert said_after(0.0) == ""
    assert "All 2 processes" in said_after(SAY_AFTER_S)


# -- who waits -------------------------------------------------------------------------------------


@pytest.fixture
def heard() -> Iterator[list[bool]]:
    heard: list[bool] = []
    hear_of_waits(heard.append)
    yield heard
    hear_of_waits(lambda begins: None)


def test_only_a_wait_inside_a_task_is_reported(heard: list[bool]) -> None:
    with waiting_for_run():
        pass
    assert heard == []
    with attempt_scope(Attempt("r", "outer", 1, {})), waiting_for_run():
        assert heard == [True]
    assert heard == [True, False]


def test_waits_without_a_lane_do_not_count() -> None:
    """A thread that a task has started: the task itself continues."""
    slots = ExecutionSlots(1)
    thread = threading.Thread(target=note_wait, args=(slots,), kwargs={"begins": True})
    thread.start()
    thread.join()
    assert not slots.is_marked(ChildMark.WAITS)

    async def blocks() -> None:
        note_wait(slots, begins=True)

    thread = threading.Thread(target=lambda: asyncio.run(blocks()))
    thread.start()
    thread.join()
    assert slots.is_marked(ChildMark.LOOP_WAITS)
    note_wait(slots, begins=True)
    assert slots.is_marked(ChildMark.WAITS)
    note_wait(slots, begins=False)
    assert not slots.is_marked(ChildMark.WAITS)


def test_it_tells_of_all_apps_that_children_have_loaded(report: SelfReport) -> None:
    """They differ if the files were changed while some of the children lived."""
    item, other, new = child(ChildMark.READY), child(ChildMark.READY), child()
    item.slots.record_app("1" * 16, "1.0")
    other.slots.record_app("2" * 16, "1.0")
    counts = report.look([item, other, item, new])
    assert (counts.apps, counts.versions) == (("1" * 16, "2" * 16), ("1.0",))
    assert report.look([new]).apps == counts.apps, "until a child has loaded it again"


# -- telling it ------------------------------------------------------------------------------------


def test_the_counts_are_part_of_the_description(
    lease_keeper: LeaseKeeper, store: WorkerStore
) -> None:
    def told() -> tuple[bool, bool]:
        (item,) = ClientStore(store.link, store.keys.namespace).alive_workers()
        return item.is_ready, item.all_wait

    lease_keeper.enlist(lambda: False)
    assert told() == (False, False)
    lease_keeper.counts = ChildCounts(ready=1, waiting=1)
    lease_keeper.beat(["W.0"])
    assert told() == (True, False)
    lease_keeper.counts = ChildCounts(ready=2, waiting=2)
    lease_keeper.beat(["W.0"])
    assert told() == (True, True)


def test_all_apps_of_the_children_are_part_of_the_description(
    lease_keeper: LeaseKeeper, store: WorkerStore
) -> None:
    lease_keeper.enlist(lambda: False)
    apps = ("1" * 16, "2" * 16)
    lease_keeper.counts = ChildCounts(ready=2, apps=apps, versions=("1.0", "2.0"))
    lease_keeper.beat(["W.0"])
    (info,) = ClientStore(store.link, store.keys.namespace).alive_workers()
    assert (info.apps, info.versions) == (apps, ("1.0", "2.0"))
    assert store.link.call("ZRANGE", store.keys.apps(), 0, -1) == [app.encode() for app in apps]


def test_a_worker_that_leaves_while_it_is_read_is_not_ready(
    lease_keeper: LeaseKeeper, store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose app is broken left between two round trips, and the system was ready."""
    lease_keeper.enlist(lambda: False)
    client = ClientStore(store.link, store.keys.namespace)

    def leave_first(link: Link, fields: Sequence[Field]) -> Sequence[object]:
        store.retire(lease_keeper.worker, [])
        return read_in_bounds(link, fields)

    monkeypatch.setattr("flowkit.protocol.list_reads.read_in_bounds", leave_first)
    (worker,) = client.alive_workers()
    assert not worker.is_ready


def test_reporting_counts_does_not_revive_a_dead_worker(
    lease_keeper: LeaseKeeper, store: WorkerStore
) -> None:
    lease_keeper.enlist(lambda: False)
    store.retire(lease_keeper.worker, [])
    lease_keeper.counts = ChildCounts(ready=1)
    with pytest.raises(LeaseLost):
        lease_keeper.beat([])
    assert list(ClientStore(store.link, store.keys.namespace).alive_workers()) == []
