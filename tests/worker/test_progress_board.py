"""The board in shared memory on which a child writes progress, and what its parent sends of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from flowkit.exceptions import LeaseLost, RedisUnavailable
from flowkit.execution.progress import INTERVAL_S, Key, Reporter
from flowkit.worker.execution_slots import ExecutionSlots
from flowkit.worker.progress_board import _ENTRY, ProgressBoard
from flowkit.worker.progress_reporter import AGAIN_S, KEEP_S, ProgressReporter


def reporting(*reports: tuple[str, int, Any]) -> dict[Key, Reporter]:
    """Reporters by attempt: run, task number, and (done, total, text)."""
    result: dict[Key, Reporter] = {}
    for run, number, report in reports:
        reporter = Reporter(run, number)
        reporter.report = report
        result[(run, f"task{number}", 1)] = reporter
    return result


class FakeStore:
    """Keeps what is sent to it, or raises."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, str], list[str]]] = []
        self.error: Exception | None = None

    def report_progress(
        self, worker: str, written: Mapping[str, str], gone: Sequence[str] = ()
    ) -> None:
        assert worker == "W"
        if self.error is not None:
            raise self.error
        self.sent.append((dict(written), list(gone)))


class Bench:
    """A child with three async slots, and the reporter of its parent on a clock of the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.child: Any = SimpleNamespace(pid=1, slots=ExecutionSlots(3), lanes=("W.0", "W.0a"))
        self.store = FakeStore()
        store: Any = self.store
        self.reporter = ProgressReporter(store, "W", monotonic=lambda: self.now)

    def look(self, *, after: float = INTERVAL_S) -> list[tuple[dict[str, str], list[str]]]:
        """Let the reporter look; return what it has sent."""
        self.now += after
        self.store.sent.clear()
        self.reporter.report([self.child])
        return list(self.store.sent)

    def write(self, *reports: tuple[str, int, Any]) -> None:
        self.child.slots.progress.write(reporting(*reports))


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.child.slots.enter(0, "r,0,1|||load")
    bench.child.slots.enter(2, "r,7,1!")
    return bench


def test_a_board_holds_the_last_report_of_each_attempt() -> None:
    board = ProgressBoard(2)
    assert board.changes == 0
    reporters = reporting(("r", 0, (1, 2, "rows")), ("r", 1, (0.5, None, "ü")))
    board.write(reporters)
    assert list(board.read()) == [("r,0,1", "1,2,rows"), ("r,1,1", "0.5,,ü")]
    before = board.changes
    board.write(reporters)
    assert board.changes == before, "nothing is new"
    reporters["r", "task0", 1].report = (2, 2, "rows")
    board.write(reporters)
    assert list(board.read()) == [("r,0,1", "2,2,rows"), ("r,1,1", "0.5,,ü")]
    board.write(reporting(("r", 2, (9, None, ""))))
    assert list(board.read()) == [("r,2,1", "9,,")]
    board.write({})
    assert list(board.read()) == []
    assert board.changes > before


def test_a_board_ignores_what_it_has_no_place_or_no_number_for() -> None:
    board = ProgressBoard(1)
    board.write(reporting(("r", -1, (1, None, "")), ("r", 0, (1, None, "")), ("r", 1, (1, 1, ""))))
    assert list(board.read()) == [("r,0,1", "1,,")]


def test_garbage_on_a_board_is_ignored() -> None:
    board = ProgressBoard(4)
    for filler in (b"\xff", b"\x01", b",", b"9"):
        board._memory[:] = filler * len(board._memory)
        assert list(board.read()) == []
    board._memory[:] = bytes(len(board._memory))
    board.write(reporting(("r", 0, (1, None, "one"))))
    at = board._memory.find(b"r,0,1,1")
    board._memory[at : at + 7] = b"r,0,1,x"
    assert list(board.read()) == []
    board._memory[at : at + 7] = b"r 0,1,1"
    assert list(board.read()) == []
    assert _ENTRY > 1000


def test_only_what_has_changed_is_sent(bench: Bench) -> None:
    assert bench.look() == [], "a worker whose tasks report nothing sends nothing"
    bench.write(("r", 0, (1, 9, "rows")))
    assert bench.look() == [({"r,0,1": "W.0,1,9,rows"}, [])]
    assert bench.look() == []
    bench.write(("r", 0, (1, 9, "rows")), ("r", 7, (3, None, "")))
    assert bench.look() == [({"r,7,1": "W.0a,3,,"}, [])]
    bench.write(("r", 7, (3, None, "")))
    assert bench.look() == [({}, ["r,0,1"])]
    bench.write()
    assert bench.look() == [({}, ["r,7,1"])]
    assert bench.look() == []


@pytest.mark.promise("sight-9")
def test_a_worker_sends_at_most_two_reports_a_second(bench: Bench) -> None:
    bench.write(("r", 0, (1, None, "")))
    assert len(bench.look()) == 1
    sent = []
    for done in range(2, 10):
        bench.write(("r", 0, (done, None, "")))
        sent += bench.look(after=INTERVAL_S / 4)
    assert [written["r,0,1"] for written, _ in sent] == ["W.0,5,,", "W.0,9,,"]


def test_only_attempts_that_the_child_executes_are_sent(bench: Bench) -> None:
    """A task can write what it likes into the memory of its process."""
    bench.write(("r", 0, (1, None, "")), ("other", 0, (1, None, "")), ("r", 5, (1, None, "")))
    assert bench.look() == [({"r,0,1": "W.0,1,,"}, [])]


def test_what_a_dead_child_has_reported_is_removed(bench: Bench) -> None:
    bench.write(("r", 0, (1, None, "")))
    bench.look()
    bench.now += INTERVAL_S
    bench.store.sent.clear()
    bench.reporter.report([])
    assert bench.store.sent == [({}, ["r,0,1"])]


def test_a_failed_report_is_made_up_for_later(bench: Bench) -> None:
    bench.write(("r", 0, (1, None, "")))
    bench.store.error = RedisUnavailable("away")
    assert bench.look() == []
    bench.write(("r", 0, (2, None, "")))
    bench.store.error = None
    assert bench.look() == [], "it is not tried at once: the parent has other duties"
    assert bench.look(after=AGAIN_S) == [({"r,0,1": "W.0,2,,"}, [])]
    bench.store.error = LeaseLost("declared dead")
    bench.write(("r", 0, (3, None, "")))
    assert bench.look() == []


def test_a_report_without_news_does_not_expire(bench: Bench) -> None:
    bench.write(("r", 0, (1, None, "")))
    bench.look()
    assert bench.look(after=KEEP_S / 2) == []
    assert bench.look(after=KEEP_S / 2) == [({}, [])]
    assert bench.look(after=KEEP_S / 2) == []
