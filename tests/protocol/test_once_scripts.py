"""A task that must never start twice: no script makes it claimable once it may have started."""

from __future__ import annotations

from typing import Any

import pytest
from environment import Environment, done

from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import NOBODY

MOST = 3
AT_MOST_ONCE = {Flag.AT_MOST_ONCE}


@pytest.fixture
def once(env: Environment) -> Environment:
    """Lane W.0 runs tasks 0 and 1, which must not start twice."""
    env.ready()
    env.queue(0, 1, flags="=")
    assert [claim.spent.flags for claim in env.claim()] == [AT_MOST_ONCE, AT_MOST_ONCE]
    return env


def codes(reaped: list[tuple[str, int, str]]) -> dict[int, str]:
    return {task: code for _, task, code in reaped}


def errors(env: Environment) -> dict[str, Any]:
    result: dict[str, Any] = env.dump().get("run:r1:errors", {})
    return result


def child_died(env: Environment, *executing: int, blame: str = "") -> dict[int, str]:
    keys = [f"r1,{task}" for task in executing]
    died = env.worker.reap_child("W.0", keys, MOST, b"lost", blame=blame, once=b"once")
    return codes(died)


def worker_died(env: Environment) -> dict[int, str]:
    env.link.call("ZADD", env.keys.workers(), env.now, "W")
    return codes(env.scheduler.reap("W.0", MOST, b"lost", b"once"))


def test_the_attempt_of_a_dead_child_fails_and_its_other_claims_return(
    once: Environment,
) -> None:
    assert child_died(once, 0) == {0: "F", 1: "Q"}
    assert once.records() == {"0": "F1,W.0,0=,0,0,0", "1": "Q1,,0=,,,0"}
    assert errors(once) == {"0": "once"}
    assert once.events()[-1] == {"F": "r1 0"}


@pytest.mark.parametrize("blame", ["", NOBODY, "r1,0", "r1,1"])
def test_blame_makes_no_difference(once: Environment, blame: str) -> None:
    assert child_died(once, 0, 1, blame=blame) == {0: "F", 1: "F"}
    assert errors(once) == {"0": "once", "1": "once"}


def test_a_neighbour_s_blame_is_what_it_was(env: Environment) -> None:
    env.ready()
    env.queue(0, flags="=")
    env.queue(1)
    env.claim()
    assert child_died(env, 0, 1, blame=NOBODY) == {0: "F", 1: "Q"}


def test_if_the_executing_attempt_is_unknown_all_claims_fail(once: Environment) -> None:
    assert worker_died(once) == {0: "F", 1: "F"}
    assert errors(once) == {"0": "once", "1": "once"}
    assert "ready:default:5" not in once.dump()


def test_a_death_in_a_run_that_stops_says_so_too(once: Environment) -> None:
    once.client.cancel("r1")
    assert child_died(once, 0) == {0: "F", 1: "C"}
    assert errors(once) == {"0": "once"}


def test_a_living_worker_returns_unstarted_attempts(once: Environment) -> None:
    once.worker.release("W.0", ["r1,0"])
    assert once.records()["0"] == "Q1,,0=,,,0"
    assert [claim.task for claim in once.claim()] == [0]


def test_an_unstarted_attempt_returned_in_a_stopping_run_did_not_start(once: Environment) -> None:
    """The record names no lane: a resume may make it again."""
    once.client.cancel("r1")
    once.worker.release("W.0", ["r1,0"])
    assert once.records()["0"] == "C1,,0=,0,0,0"


def test_an_attempt_in_doubt_fails(once: Environment) -> None:
    """A store that went back in time believes that it runs; the worker has ended it long ago."""
    once.queue(2)
    once.claim()
    once.worker.release("W.0", ["r1,0", "r1,2"], b"unsure")
    assert once.records()["0"] == "F1,W.0,0=,0,0,0"
    assert once.records()["2"] == "Q1,,0,,,0"
    assert errors(once) == {"0": "unsure"}
    assert once.events()[-1] == {"F": "r1 0"}


def test_a_requested_retry_is_a_failure(once: Environment) -> None:
    once.complete(done(0, "W", payload=b"error"))
    assert once.records()["0"] == "F1,W.0,0=,0,0,0"
    assert "delayed" not in once.dump()


def test_a_deferred_attempt_did_not_start_and_waits_for_another_worker(once: Environment) -> None:
    once.complete(done(0, "D", delay=5, payload=b"error"))
    once.now += 5
    assert once.scheduler.promote(10)[0] == 1
    (claim,) = once.claim()
    assert (claim.task, claim.attempt, claim.spent.flags) == (0, 2, AT_MOST_ONCE)


def test_a_lost_reply_brings_the_same_attempts_again_and_no_others(once: Environment) -> None:
    again = once.worker.complete("W.0", [], once.calls, 1000, 1, ["default"])
    assert [claim.task for claim in again.claims] == [0, 1]


class TestResume:
    """``reset`` is told all that is to be made again, and leaves alone what may have started."""

    def resumed(self, env: Environment, *named: int) -> dict[str, str]:
        env.finish(outcome="failed", failed=0)
        env.client.resume("r1", named)
        env.scheduler.reset("r1", [0, 1, 2, 3], b"cut short")
        return env.records()

    def test_started_tasks_stay_failed_and_others_become_pending(self, once: Environment) -> None:
        once.complete(done(0, "F"))
        once.worker.release("W.0", ["r1,1"])
        once.raw("end_tasks", "s1", 1, "r1", "C", "0", 1)
        assert self.resumed(once) == {"0": "F1,W.0,0=,0,0,0", "1": "P1,,0,,"}

    def test_succeeded_tasks_keep_their_results(self, once: Environment) -> None:
        once.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        assert self.resumed(once)["0"] == "S1,W.0,0=,0,0,0"
        assert once.dump()["run:r1:results"] == {"0": "result"}
        assert errors(once) == {"1": "error"}

    def test_a_task_interrupted_by_a_cancel_has_failed(self, once: Environment) -> None:
        once.complete(done(0, "C"), done(1, "S"))
        assert self.resumed(once)["0"] == "F1,W.0,0=,0,0,0"
        assert errors(once) == {"0": "cut short"}

    def test_only_naming_it_makes_it_pending_again(self, once: Environment) -> None:
        once.complete(done(0, "F", payload=b"error"), done(1, "F", payload=b"error"))
        result = self.resumed(once, 1, 3)
        assert result == {"0": "F1,W.0,0=,0,0,0", "1": "P1,,0,,"}
        assert errors(once) == {"0": "error"}
        once.queue(1, flags="=")
        assert once.records()["1"] == "Q2,,0/1=,,,0"

    def test_a_number_inside_a_longer_number_is_not_named(self, once: Environment) -> None:
        once.complete(done(1, "F"))
        assert self.resumed(once, 11, 21, 0)["1"] == "F1,W.0,0=,0,0,0"
