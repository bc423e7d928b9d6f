"""What Redis is told of a dead child, whom it blames, and what ends a child from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import Hands

from flowkit.daemon.outage import OutageLog
from flowkit.exceptions import LeaseLost, RedisUnavailable
from flowkit.logging import FlowkitLogger
from flowkit.logging.event_log import EventLog
from flowkit.protocol.outcomes import Outcome
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import NOBODY, Pulse
from flowkit.worker.attempt_killer import STUBBORN_S, AttemptKiller
from flowkit.worker.children import Death
from flowkit.worker.config import ExitReason
from flowkit.worker.death_reporter import DeathReporter
from flowkit.worker.execution_slots import Executing, ExecutionSlots

LANES = ("W.3", "W.3a")
LOG = FlowkitLogger("flowkit.test", "ERROR")


class Registry:
    """Stands for the store; keeps reports in order, and fails when told to."""

    def __init__(self) -> None:
        self.reports: list[tuple[Any, ...]] = []
        self.errors: list[Exception] = []

    def complete(self, lane: str, outcomes: list[Outcome], *rest: object) -> None:
        self._maybe_fail()
        self.reports.append(("outcome", lane, outcomes[0].token))

    def reap_child(
        self,
        lane: str,
        *,
        executing: list[str],
        most_deaths: int,
        error: bytes,
        blame: str,
        once: bytes,
    ) -> None:
        self._maybe_fail()
        assert ErrorInfo.unpack(error).type == "WorkerLost"
        assert "at most once" in ErrorInfo.unpack(once).message
        self.reports.append(("reap", lane, list(executing), blame))

    def _maybe_fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class ChildProcess:
    """Stands for a child: a board, and what was done to it."""

    slots: ExecutionSlots = field(default_factory=lambda: ExecutionSlots(2))
    pid: int = 77
    lanes: tuple[str, str] = LANES
    killed: int = 0
    told: list[str] = field(default_factory=list)

    def kill(self) -> None:
        self.killed += 1

    def tell(self, line: str) -> None:
        self.told.append(line)

    def stopped(self) -> Any:
        return _Stopped(self.slots)


class _Stopped:
    def __init__(self, slots: ExecutionSlots) -> None:
        self.slots = slots

    def __enter__(self) -> list[Executing]:
        return list(self.slots.executing())

    def __exit__(self, *rest: object) -> None: ...


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def death_reporter(registry: Registry) -> DeathReporter:
    return DeathReporter(registry, OutageLog(EventLog(LOG), lambda: "W"))  # type: ignore[arg-type]


def death_of(child: ChildProcess, code: int = -9) -> Death:
    slots = child.slots
    return Death(child, code, 5.0, tuple(slots.executing()), slots.exit_reason)  # type: ignore[arg-type]


def child_with(*texts: str) -> ChildProcess:
    """A child that executes these attempts, in slots 0, 1, …"""
    child = ChildProcess()
    for slot, text in enumerate(texts):
        if text:
            child.slots.enter(slot, text)
    return child


# -- whom to blame --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "keys", "blame"),
    [
        ([], [], ""),
        (["r1,0,1"], ["r1,0"], ""),
        (["", "r1,5,1"], ["r1,5"], ""),
        # Nobody knows which: both become suspects, though each is alone in its lane.
        (["r1,0,1", "r1,5,1"], ["r1,0", "r1,5"], ""),
        # One was there the last time too.
        (["r1,0,1", "r1,5,2!", "r1,6,1"], ["r1,0", "r1,5", "r1,6"], "r1,5"),
        (["r1,0,2!", "r1,5,2!"], ["r1,0", "r1,5"], ""),
    ],
)
def test_one_death_is_blamed_on_one_task_across_both_lanes(
    death_reporter: DeathReporter, registry: Registry, texts: list[str], keys: list[str], blame: str
) -> None:
    death_reporter.report_death(death_of(child_with(*texts)), blameless=False)
    assert death_reporter.deliver()
    assert registry.reports == [("reap", lane, keys, blame) for lane in LANES]


def test_no_task_is_blamed_for_a_shutdown(
    death_reporter: DeathReporter, registry: Registry
) -> None:
    """What was executing is told all the same: some of it may not start twice."""
    death_reporter.report_death(death_of(child_with("r1,0,1", "r1,5,2!")), blameless=True)
    death_reporter.deliver()
    assert registry.reports == [("reap", lane, ["r1,0", "r1,5"], NOBODY) for lane in LANES]


@pytest.mark.parametrize("code", [ExitReason.DONE, ExitReason.RECYCLED])
def test_a_child_that_exits_cleanly_makes_no_suspects(
    death_reporter: DeathReporter, registry: Registry, code: ExitReason
) -> None:
    child = ChildProcess()
    child.slots.record_exit_reason(code)
    death_reporter.report_death(death_of(child, code), blameless=False)
    death_reporter.deliver()
    assert registry.reports == [("reap", lane, [], NOBODY) for lane in LANES]


@pytest.mark.parametrize(("slot", "lane"), [(0, "W.3"), (1, "W.3a")])
def test_a_killed_attempt_is_reported_first_and_its_neighbours_are_not_blamed(
    death_reporter: DeathReporter, registry: Registry, slot: int, lane: str
) -> None:
    child = child_with("r1,0,1", "r1,5,1", "r2,0,1")
    ended = list(child.slots.executing())[slot]
    death_reporter.end(child, ended, Outcome.decode("r1", "0,1,F"))  # type: ignore[arg-type]
    assert child.killed == 1
    assert death_reporter.ending(child)  # type: ignore[arg-type]
    death_reporter.report_death(death_of(child), blameless=False)
    death_reporter.deliver()
    assert registry.reports == [
        ("outcome", lane, "0,1,F"),
        ("reap", "W.3", ["r1,0", "r1,5", "r2,0"], NOBODY),
        ("reap", "W.3a", ["r1,0", "r1,5", "r2,0"], NOBODY),
    ]
    assert not death_reporter.ending(child)  # type: ignore[arg-type]


# -- delivering -----------------------------------------------------------------------------------


def test_reports_wait_for_redis_in_their_order(
    death_reporter: DeathReporter, registry: Registry
) -> None:
    """Until they are delivered their lanes count as the worker's, or nobody would know of them."""
    registry.errors = [RedisUnavailable("away")]
    child = child_with("r1,0,1")
    death_reporter.end(child, next(child.slots.executing()), Outcome.decode("r1", "0,1,F"))  # type: ignore[arg-type]
    death_reporter.report_death(death_of(child), blameless=False)
    assert not death_reporter.deliver()
    assert registry.reports == []
    assert death_reporter.lanes == ["W.3", "W.3a"]
    assert death_reporter.deliver()
    assert [report[0] for report in registry.reports] == ["outcome", "reap", "reap"]
    assert death_reporter.lanes == []


def test_attempts_already_reaped_are_not_reported_forever(
    death_reporter: DeathReporter, registry: Registry
) -> None:
    registry.errors = [LeaseLost("dead"), LeaseLost("dead")]
    death_reporter.report_death(death_of(child_with("r1,0,1")), blameless=False)
    assert death_reporter.deliver()
    assert death_reporter.lanes == []


@pytest.mark.parametrize(
    ("code", "how"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (-99, "signal 99"), (3, "exit code 3")]
)
def test_a_death_report_says_how_the_child_died(code: int, how: str) -> None:
    death = death_of(ChildProcess(), code)
    assert (death.how, death.orderly, death.exit_reason) == (how, False, None)


@pytest.mark.parametrize("code", ExitReason)
def test_a_child_records_why_it_ends_itself(code: ExitReason) -> None:
    """A task that ended its process with exit code 70 once ended the worker: "app broken"."""
    assert not death_of(ChildProcess(), code).orderly, "user code may choose any exit code"
    child = ChildProcess()
    child.slots.record_exit_reason(code)
    assert death_of(child, code).exit_reason == code
    assert death_of(child, code).orderly == (code in (ExitReason.DONE, ExitReason.RECYCLED))


# -- ending from outside --------------------------------------------------------------------------


@pytest.fixture
def clock() -> Hands:
    return Hands(1000.0)


@pytest.fixture
def attempt_killer(death_reporter: DeathReporter, clock: Hands) -> AttemptKiller:
    return AttemptKiller(death_reporter, EventLog(LOG), monotonic=clock)


def test_an_attempt_past_its_deadline_ends_with_its_outcome(
    attempt_killer: AttemptKiller, death_reporter: DeathReporter, registry: Registry, clock: Hands
) -> None:
    child = child_with("", "r1,5,1")
    child.slots.enter(0, "r1,0,1|0,1,W,500,default,5|2.5|slow", 1002.5)
    attempt_killer.end_overdue([child])  # type: ignore[list-item]
    assert child.killed == 0
    clock.now = 1002.6
    attempt_killer.end_overdue([child])  # type: ignore[list-item]
    attempt_killer.end_overdue([child])  # type: ignore[list-item]
    assert child.killed == 1, "it was ended twice before its death was heard of"
    death_reporter.report_death(death_of(child), blameless=False)
    death_reporter.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,W,500,default,5")


def _children(child: ChildProcess) -> Any:
    return SimpleNamespace(child_of=lambda lane: child if lane in child.lanes else None)


def test_a_cancelled_sync_attempt_is_killed_immediately(
    attempt_killer: AttemptKiller, death_reporter: DeathReporter, registry: Registry
) -> None:
    child = child_with("r1,0,1", "r2,5,1")
    attempt_killer.stop_cancelled(Pulse(1, stops={"W.3": ["r1,0,1"]}), _children(child))
    assert child.told == ["stop W.3 r1,0,1"]
    assert child.killed == 1
    death_reporter.report_death(death_of(child), blameless=False)
    death_reporter.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,C")


def test_a_cancelled_attempt_that_does_not_run_yet_costs_no_process(
    attempt_killer: AttemptKiller,
) -> None:
    child = child_with("r1,0,1")
    attempt_killer.stop_cancelled(Pulse(1, stops={"W.3": ["r1,7,1"]}), _children(child))
    assert child.told == ["stop W.3 r1,7,1"]
    assert child.killed == 0


def test_a_cancelled_coroutine_is_killed_if_it_does_not_stop(
    attempt_killer: AttemptKiller, clock: Hands
) -> None:
    child = child_with("", "r1,5,1")
    pulse = Pulse(1, stops={"W.3a": ["r1,5,1"]})
    attempt_killer.stop_cancelled(pulse, _children(child))
    clock.now += STUBBORN_S - 0.1
    attempt_killer.stop_cancelled(pulse, _children(child))
    assert child.told == ["stop W.3a r1,5,1"]
    assert child.killed == 0
    clock.now += 0.2
    attempt_killer.stop_cancelled(pulse, _children(child))
    assert child.killed == 1


def test_a_stop_for_an_ended_lane_is_ignored(attempt_killer: AttemptKiller) -> None:
    child = ChildProcess()
    attempt_killer.stop_cancelled(Pulse(1, stops={"W.1": ["r1,0,1"]}), _children(child))
    assert child.told == []


def test_an_attempt_past_its_deadline_without_a_token_has_failed(
    attempt_killer: AttemptKiller, death_reporter: DeathReporter, registry: Registry, clock: Hands
) -> None:
    """The board is shared with user code, which may have written a deadline there."""
    child = child_with()
    child.slots.enter(0, "r1,0,1", 1002.5)
    clock.now = 1002.6
    attempt_killer.end_overdue([child])  # type: ignore[list-item]
    death_reporter.report_death(death_of(child), blameless=False)
    death_reporter.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,F")
