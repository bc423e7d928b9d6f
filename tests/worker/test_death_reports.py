"""What Redis is told of a dead child, whom it blames, and what ends a child from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import Hands

from flowkit.exceptions import LeaseLost, RedisUnavailable
from flowkit.logging import FlowkitLogger
from flowkit.outage import OutageLog
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import NOBODY, Outcome, Pulse
from flowkit.worker.board import Board, Executing
from flowkit.worker.children import Death
from flowkit.worker.config import ExitCode
from flowkit.worker.enforcer import STUBBORN_S, Enforcer
from flowkit.worker.undertaker import Undertaker

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
class Kid:
    """Stands for a child: a board, and what was done to it."""

    board: Board = field(default_factory=lambda: Board(2))
    pid: int = 77
    lanes: tuple[str, str] = LANES
    killed: int = 0
    told: list[str] = field(default_factory=list)

    def kill(self) -> None:
        self.killed += 1

    def tell(self, line: str) -> None:
        self.told.append(line)

    def stopped(self) -> Any:
        return _Stopped(self.board)


class _Stopped:
    def __init__(self, board: Board) -> None:
        self.board = board

    def __enter__(self) -> list[Executing]:
        return list(self.board.executing())

    def __exit__(self, *rest: object) -> None: ...


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def undertaker(registry: Registry) -> Undertaker:
    return Undertaker(registry, OutageLog(LOG, lambda: "W"))  # type: ignore[arg-type]


def death_of(kid: Kid, code: int = -9) -> Death:
    board = kid.board
    return Death(kid, code, 5.0, tuple(board.executing()), board.said_end)  # type: ignore[arg-type]


def kid_with(*texts: str) -> Kid:
    """A child that executes these attempts, in slots 0, 1, …"""
    kid = Kid()
    for slot, text in enumerate(texts):
        if text:
            kid.board.enter(slot, text)
    return kid


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
def test_one_death_is_blamed_on_one_task_of_both_lanes_together(
    undertaker: Undertaker, registry: Registry, texts: list[str], keys: list[str], blame: str
) -> None:
    undertaker.bury(death_of(kid_with(*texts)), blameless=False)
    assert undertaker.deliver()
    assert registry.reports == [("reap", lane, keys, blame) for lane in LANES]


def test_in_a_shutdown_nobody_is_blamed(undertaker: Undertaker, registry: Registry) -> None:
    """What was executing is told all the same: some of it may not start twice."""
    undertaker.bury(death_of(kid_with("r1,0,1", "r1,5,2!")), blameless=True)
    undertaker.deliver()
    assert registry.reports == [("reap", lane, ["r1,0", "r1,5"], NOBODY) for lane in LANES]


@pytest.mark.parametrize("code", [ExitCode.DONE, ExitCode.RECYCLED])
def test_a_child_that_ends_in_good_order_makes_no_suspects(
    undertaker: Undertaker, registry: Registry, code: ExitCode
) -> None:
    kid = Kid()
    kid.board.say_end(code)
    undertaker.bury(death_of(kid, code), blameless=False)
    undertaker.deliver()
    assert registry.reports == [("reap", lane, [], NOBODY) for lane in LANES]


@pytest.mark.parametrize(("slot", "lane"), [(0, "W.3"), (1, "W.3a")])
def test_who_is_ended_gets_its_outcome_first_and_its_neighbours_are_not_blamed(
    undertaker: Undertaker, registry: Registry, slot: int, lane: str
) -> None:
    kid = kid_with("r1,0,1", "r1,5,1", "r2,0,1")
    ended = list(kid.board.executing())[slot]
    undertaker.end(kid, ended, Outcome("r1", "0,1,F"))  # type: ignore[arg-type]
    assert kid.killed == 1
    assert undertaker.ending(kid)  # type: ignore[arg-type]
    undertaker.bury(death_of(kid), blameless=False)
    undertaker.deliver()
    assert registry.reports == [
        ("outcome", lane, "0,1,F"),
        ("reap", "W.3", ["r1,0", "r1,5", "r2,0"], NOBODY),
        ("reap", "W.3a", ["r1,0", "r1,5", "r2,0"], NOBODY),
    ]
    assert not undertaker.ending(kid)  # type: ignore[arg-type]


# -- delivering -----------------------------------------------------------------------------------


def test_reports_wait_for_redis_in_their_order(undertaker: Undertaker, registry: Registry) -> None:
    """Until they are delivered their lanes count as the worker's, or nobody would know of them."""
    registry.errors = [RedisUnavailable("away")]
    kid = kid_with("r1,0,1")
    undertaker.end(kid, next(kid.board.executing()), Outcome("r1", "0,1,F"))  # type: ignore[arg-type]
    undertaker.bury(death_of(kid), blameless=False)
    assert not undertaker.deliver()
    assert registry.reports == []
    assert undertaker.lanes == ["W.3", "W.3a"]
    assert undertaker.deliver()
    assert [report[0] for report in registry.reports] == ["outcome", "reap", "reap"]
    assert undertaker.lanes == []


def test_what_the_scheduler_has_taken_back_already_is_not_reported_for_ever(
    undertaker: Undertaker, registry: Registry
) -> None:
    registry.errors = [LeaseLost("dead"), LeaseLost("dead")]
    undertaker.bury(death_of(kid_with("r1,0,1")), blameless=False)
    assert undertaker.deliver()
    assert undertaker.lanes == []


@pytest.mark.parametrize(
    ("code", "how"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (-99, "signal 99"), (3, "exit code 3")]
)
def test_a_death_says_how(code: int, how: str) -> None:
    death = death_of(Kid(), code)
    assert (death.how, death.orderly, death.said) == (how, False, None)


@pytest.mark.parametrize("code", ExitCode)
def test_a_child_says_on_its_board_why_it_ends_itself(code: ExitCode) -> None:
    """A task that ended its process with exit code 70 once ended the worker: "app broken"."""
    assert not death_of(Kid(), code).orderly, "user code may choose any exit code"
    kid = Kid()
    kid.board.say_end(code)
    assert death_of(kid, code).said == code
    assert death_of(kid, code).orderly == (code in (ExitCode.DONE, ExitCode.RECYCLED))


# -- ending from outside --------------------------------------------------------------------------


@pytest.fixture
def clock() -> Hands:
    return Hands(1000.0)


@pytest.fixture
def enforcer(undertaker: Undertaker, clock: Hands) -> Enforcer:
    return Enforcer(undertaker, LOG, monotonic=clock)


def test_an_attempt_past_its_deadline_is_ended_with_its_outcome(
    enforcer: Enforcer, undertaker: Undertaker, registry: Registry, clock: Hands
) -> None:
    kid = kid_with("", "r1,5,1")
    kid.board.enter(0, "r1,0,1|0,1,W,500,default,5|2.5|slow", 1002.5)
    enforcer.end_overdue([kid])  # type: ignore[list-item]
    assert kid.killed == 0
    clock.now = 1002.6
    enforcer.end_overdue([kid])  # type: ignore[list-item]
    enforcer.end_overdue([kid])  # type: ignore[list-item]
    assert kid.killed == 1, "it was ended twice before its death was heard of"
    undertaker.bury(death_of(kid), blameless=False)
    undertaker.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,W,500,default,5")


def _children(kid: Kid) -> Any:
    return SimpleNamespace(kid_of=lambda lane: kid if lane in kid.lanes else None)


def test_a_cancelled_sync_attempt_is_ended_at_once(
    enforcer: Enforcer, undertaker: Undertaker, registry: Registry
) -> None:
    kid = kid_with("r1,0,1", "r2,5,1")
    enforcer.stop_cancelled(Pulse(1, stops={"W.3": ["r1,0,1"]}), _children(kid))
    assert kid.told == ["stop W.3 r1,0,1"]
    assert kid.killed == 1
    undertaker.bury(death_of(kid), blameless=False)
    undertaker.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,C")


def test_a_cancelled_attempt_that_does_not_run_yet_costs_no_process(enforcer: Enforcer) -> None:
    kid = kid_with("r1,0,1")
    enforcer.stop_cancelled(Pulse(1, stops={"W.3": ["r1,7,1"]}), _children(kid))
    assert kid.told == ["stop W.3 r1,7,1"]
    assert kid.killed == 0


def test_a_cancelled_coroutine_is_asked_once_and_ended_when_it_is_stubborn(
    enforcer: Enforcer, clock: Hands
) -> None:
    kid = kid_with("", "r1,5,1")
    pulse = Pulse(1, stops={"W.3a": ["r1,5,1"]})
    enforcer.stop_cancelled(pulse, _children(kid))
    clock.now += STUBBORN_S - 0.1
    enforcer.stop_cancelled(pulse, _children(kid))
    assert kid.told == ["stop W.3a r1,5,1"]
    assert kid.killed == 0
    clock.now += 0.2
    enforcer.stop_cancelled(pulse, _children(kid))
    assert kid.killed == 1


def test_a_stop_for_a_lane_that_is_gone_is_passed_over(enforcer: Enforcer) -> None:
    kid = Kid()
    enforcer.stop_cancelled(Pulse(1, stops={"W.1": ["r1,0,1"]}), _children(kid))
    assert kid.told == []


def test_an_attempt_past_its_deadline_without_a_token_has_failed(
    enforcer: Enforcer, undertaker: Undertaker, registry: Registry, clock: Hands
) -> None:
    """The board is shared with user code, which may have written a deadline there."""
    kid = kid_with()
    kid.board.enter(0, "r1,0,1", 1002.5)
    clock.now = 1002.6
    enforcer.end_overdue([kid])  # type: ignore[list-item]
    undertaker.bury(death_of(kid), blameless=False)
    undertaker.deliver()
    assert registry.reports[0] == ("outcome", "W.3", "0,1,F")
