"""One call after the other fails, in every way, and nothing that is promised breaks.

Here a sample is played, another one each time; ``python -m tests.crash_points`` plays all. A
failure says how to play it again.
"""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import crash_processes
import pytest
from crash_check import Played, play_once, sample, told
from crash_collector import PlayedCollector
from crash_command import STORES
from crash_scenarios import SCENARIOS
from crash_seam import Fault, Kind, Process
from crash_worker import TurnLane
from real_redis import RealRedis

from flowkit.embedded import EmbeddedServer
from flowkit.protocol.scripts import names
from flowkit.scheduler.reaper import Reaper
from flowkit.worker.attempt_log import AttemptLog
from flowkit.worker.children import Death, Lanes
from flowkit.worker.death_reporter import DeathReporter

SEED = os.environ.get("CRASH_SEED") or secrets.token_hex(4)
# How many points of a scenario are tried; many of them are slow.
FEW, MANY = 2, 60
# Scripts that no scenario calls: state stores, repairs of damaged data, what only schedulers of
# several shards do (tests/explorer has it in every order), and what only flowkit doctor calls.
NOT_CALLED = {
    "check_writes",
    "set_state",
    "delete_state",
    "expire_state",
    "requeue",
    "quarantine_event",
    "hand_over_lease",
    "prune_parents",
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(store: str, redis_server: RealRedis, fake_server: EmbeddedServer) -> str:
    return redis_server.url if store == "redis" else fake_server.url


def normal_of(url: str, name: str) -> Played:
    normal = play_once(url, SCENARIOS[name]())
    assert not normal.problems, "without any fault"
    return normal


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_call_that_fails_breaks_no_promise(url: str, store: str, name: str) -> None:
    assert_no_point_breaks_a_promise(url, store, name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_none_of_many_calls_that_fail_breaks_a_promise(redis_server: RealRedis, name: str) -> None:
    assert_no_point_breaks_a_promise(redis_server.url, "redis", name, MANY)


def assert_no_point_breaks_a_promise(url: str, store: str, name: str, points: int) -> None:
    normal = normal_of(url, name)
    failures = []
    for fault in sample(normal, points, f"{SEED} {store} {name}"):
        played = play_once(url, SCENARIOS[name](), fault, normal)
        if played.problems:
            failures.append(told(name, store, fault, played, normal))
    assert not failures, f"(CRASH_SEED={SEED})\n" + "\n".join(failures)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_always_makes_the_same_calls(url: str, name: str) -> None:
    """Else the number of a point would say nothing."""
    assert normal_of(url, name).calls == normal_of(url, name).calls


def test_the_scenarios_call_every_script(redis_server: RealRedis) -> None:
    called = {call.label for name in SCENARIOS for call in normal_of(redis_server.url, name).calls}
    assert set(names()) - called <= NOT_CALLED


@pytest.mark.slow
@pytest.mark.parametrize("role", crash_processes.CALLS)
def test_a_call_of_a_real_process_that_fails_breaks_no_promise(
    redis_server: RealRedis, tmp_path: Path, role: str
) -> None:
    """The process is killed when Redis has done what it asked for, before it hears of it."""
    point = random.Random(f"{SEED} {role}").randint(2, crash_processes.CALLS[role] // 2)
    choice = crash_processes.Choice("mixed", role, Fault(point, Kind.DIE_AFTER))
    normal = normal_of(redis_server.url, "mixed")
    problems, met = crash_processes.play_choice(redis_server.url, choice, tmp_path, normal)
    assert not problems, f"{choice} (CRASH_SEED={SEED})"
    assert met, f"{choice}: no process of that role made so many calls"


# -- the judge itself: what is broken is found ----------------------------------------------------


def found(url: str, name: str, kind: Kind, label: str) -> str:
    """Return what is wrong when the first call of that name fails behind a first claim."""
    normal = normal_of(url, name)
    labels = [call.label for call in normal.calls]
    point = labels.index(label, labels.index("claim") + 1) + 1
    return "; ".join(play_once(url, SCENARIOS[name](), Fault(point, kind), normal).problems)


@pytest.mark.slow
def test_a_scheduler_that_never_reaps_is_detected(
    redis_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reaper, "run_once", lambda reaper: 1.0)
    assert "is not over" in found(redis_server.url, "cached", Kind.HOST_DIES_BEFORE, "complete")


@pytest.mark.slow
def test_a_worker_that_reports_no_deaths_is_detected(
    redis_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_death = DeathReporter.report_death

    def bury_if_orderly(self: DeathReporter, death: Death, *, blameless: bool) -> None:
        if death.orderly:
            report_death(self, death, blameless=blameless)

    monkeypatch.setattr(DeathReporter, "report_death", bury_if_orderly)
    assert "is not over" in found(redis_server.url, "cached", Kind.DIE_BEFORE, "complete")


def test_a_lane_that_repeats_attempts_is_detected(
    redis_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, attempt = normal_of(redis_server.url, "cached"), TurnLane._attempt
    monkeypatch.setattr(
        TurnLane, "_attempt", lambda lane, claim: (attempt(lane, claim), attempt(lane, claim))[1]
    )
    fault = Fault(1, Kind.SENT_TWICE)
    played = play_once(redis_server.url, SCENARIOS["cached"](), fault, normal)
    assert any("has started 2 times, 1 are allowed" in problem for problem in played.problems)


def test_lines_that_are_kept_twice_are_detected(
    redis_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = AttemptLog.add
    monkeypatch.setattr(AttemptLog, "add", lambda log, records: add(log, 2 * records))
    played = play_once(redis_server.url, SCENARIOS["cached"]())
    assert any("is 2 times in the logs" in problem for problem in played.problems)


def test_lines_that_die_with_their_worker_are_detected(
    redis_server: RealRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = PlayedCollector.connect

    def as_its_guest(self: PlayedCollector, process: Process, lanes: Lanes) -> None:
        connect(self, process, lanes)
        process._guests.append(self._unit.process)

    monkeypatch.setattr(PlayedCollector, "connect", as_its_guest)
    played = play_once(redis_server.url, SCENARIOS["deaths"]())
    assert any("is 0 times in the logs" in problem for problem in played.problems)
