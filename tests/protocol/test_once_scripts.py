"""A task that must never start twice: no script makes it claimable once it may have started."""

from __future__ import annotations

from typing import Any

import pytest
from world import World, done

from flowkit.protocol.spent import Flag
from flowkit.protocol.worker_store import NOBODY

MOST = 3


@pytest.fixture
def once(world: World) -> World:
    """Lane W.0 runs tasks 0 and 1, which must not start twice."""
    world.ready()
    world.queue(0, 1, flags="=")
    assert [Flag.AT_MOST_ONCE in claim.spent.flags for claim in world.claim()] == [True, True]
    return world


def codes(reaped: list[tuple[str, int, str]]) -> dict[int, str]:
    return {task: code for _, task, code in reaped}


def errors(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.dump().get("run:r1:errors", {})
    return found


def child_died(world: World, *executing: int, blame: str = "") -> dict[int, str]:
    keys = [f"r1,{task}" for task in executing]
    died = world.worker.reap_child("W.0", keys, MOST, b"lost", blame=blame, once=b"once")
    return codes(died)


def worker_died(world: World) -> dict[int, str]:
    world.link.call("ZADD", world.keys.workers(), world.now, "W")
    return codes(world.scheduler.reap("W.0", MOST, b"lost", b"once"))


def test_what_a_dead_child_was_executing_has_failed_and_the_rest_goes_back(once: World) -> None:
    assert child_died(once, 0) == {0: "F", 1: "Q"}
    assert once.records() == {"0": "F1,W.0,0=,0,0", "1": "Q1,,0=,,"}
    assert errors(once) == {"0": "once"}
    assert once.events()[-1] == {"F": "r1 0"}


@pytest.mark.parametrize("blame", ["", NOBODY, "r1,0", "r1,1"])
def test_whom_the_death_is_blamed_on_makes_no_difference(once: World, blame: str) -> None:
    assert child_died(once, 0, 1, blame=blame) == {0: "F", 1: "F"}
    assert errors(once) == {"0": "once", "1": "once"}


def test_a_neighbour_s_blame_is_what_it_was(world: World) -> None:
    world.ready()
    world.queue(0, flags="=")
    world.queue(1)
    world.claim()
    assert child_died(world, 0, 1, blame=NOBODY) == {0: "F", 1: "Q"}


def test_where_nobody_knows_all_that_was_claimed_has_failed(once: World) -> None:
    assert worker_died(once) == {0: "F", 1: "F"}
    assert errors(once) == {"0": "once", "1": "once"}
    assert "ready:default:5" not in once.dump()


def test_a_death_in_a_run_that_stops_says_so_too(once: World) -> None:
    once.client.cancel("r1")
    assert child_died(once, 0) == {0: "F", 1: "C"}
    assert errors(once) == {"0": "once"}


def test_a_living_worker_gives_back_what_it_has_not_started(once: World) -> None:
    once.worker.release("W.0", ["r1,0"])
    assert once.records()["0"] == "Q1,,0=,,"
    assert [claim.task for claim in once.claim()] == [0]


def test_given_back_in_a_run_that_stops_it_has_not_started(once: World) -> None:
    """The record names no lane: a resume may make it again."""
    once.client.cancel("r1")
    once.worker.release("W.0", ["r1,0"])
    assert once.records()["0"] == "C1,,0=,0,0"


def test_what_a_worker_is_unsure_of_has_failed(once: World) -> None:
    """A store that went back in time believes that it runs; the worker has ended it long ago."""
    once.queue(2)
    once.claim()
    once.worker.release("W.0", ["r1,0", "r1,2"], b"unsure")
    assert once.records()["0"] == "F1,W.0,0=,0,0"
    assert once.records()["2"] == "Q1,,0,,"
    assert errors(once) == {"0": "unsure"}
    assert once.events()[-1] == {"F": "r1 0"}


def test_a_retry_that_somebody_asks_for_all_the_same_is_a_failure(once: World) -> None:
    once.complete(done(0, "W", payload=b"error"))
    assert once.records()["0"] == "F1,W.0,0=,0,0"
    assert "delayed" not in once.dump()


def test_put_off_it_has_not_started_and_waits_for_another_worker(once: World) -> None:
    once.complete(done(0, "D", delay=5, payload=b"error"))
    once.now += 5
    assert once.scheduler.promote(10)[0] == 1
    (claim,) = once.claim()
    assert (claim.task, claim.attempt) == (0, 2)
    assert Flag.AT_MOST_ONCE in claim.spent.flags


def test_a_lost_reply_brings_the_same_attempts_again_and_no_others(once: World) -> None:
    again = once.worker.complete("W.0", [], once.calls, 1000, 1, ["default"])
    assert [claim.task for claim in again.claims] == [0, 1]


class TestResume:
    """``reset`` is told all that is to be made again, and leaves alone what may have started."""

    def resumed(self, world: World, *named: int) -> dict[str, str]:
        world.finish(outcome="failed", failed=0)
        world.client.resume("r1", named)
        world.scheduler.reset("r1", [0, 1, 2, 3], b"cut short")
        return world.records()

    def test_what_has_started_stays_and_what_has_not_is_pending(self, once: World) -> None:
        once.complete(done(0, "F"))
        once.worker.release("W.0", ["r1,1"])
        once.raw("end_tasks", "s1", 1, "r1", "C", "0", 1)
        assert self.resumed(once) == {"0": "F1,W.0,0=,0,0", "1": "P1,,0,,"}

    def test_what_succeeded_keeps_its_result(self, once: World) -> None:
        once.complete(done(0, payload=b"result"), done(1, "F", payload=b"error"))
        assert self.resumed(once)["0"] == "S1,W.0,0=,0,0"
        assert once.dump()["run:r1:results"] == {"0": "result"}
        assert errors(once) == {"1": "error"}

    def test_what_was_cut_short_by_a_cancel_has_failed(self, once: World) -> None:
        once.complete(done(0, "C"), done(1, "S"))
        assert self.resumed(once)["0"] == "F1,W.0,0=,0,0"
        assert errors(once) == {"0": "cut short"}

    def test_only_by_its_name_is_it_made_pending_again(self, once: World) -> None:
        once.complete(done(0, "F", payload=b"error"), done(1, "F", payload=b"error"))
        found = self.resumed(once, 1, 3)
        assert found == {"0": "F1,W.0,0=,0,0", "1": "P1,,0,,"}
        assert errors(once) == {"0": "error"}
        once.queue(1, flags="=")
        assert once.records()["1"] == "Q2,,0/1=,,"

    def test_a_number_that_is_part_of_another_names_nobody(self, once: World) -> None:
        once.complete(done(1, "F"))
        assert self.resumed(once, 11, 21, 0)["1"] == "F1,W.0,0=,0,0"
