"""Clean-up and hooks continue in a run that a failure has stopped. A cancel ends them."""

from __future__ import annotations

import pytest
from environment import LIST, Environment, done

from flowkit.core.states import RunState

FAILED, CANCELLED = RunState.FAILED, RunState.CANCELLED


@pytest.fixture
def stopped(env: Environment) -> Environment:
    """A run that a failure has stopped. Task 0 is an ordinary one, task 1 continues."""
    env.submit()
    env.acquire_lease()
    env.register()
    env.queue(0)
    env.queue(1, flags="+")
    env.scheduler.stop_run("r1", FAILED, 3)
    return env


def tasks(env: Environment) -> list[int]:
    return [claim.task for claim in env.claim()]


def test_the_flag_stands_in_the_record(stopped: Environment) -> None:
    assert stopped.records() == {"0": "Q1,,0,,,0", "1": "Q1,,0+,,,0"}


def test_only_continuing_tasks_are_claimed(stopped: Environment) -> None:
    assert tasks(stopped) == [1]


def test_a_cancel_overrules(stopped: Environment) -> None:
    stopped.client.cancel("r1")
    assert tasks(stopped) == []


def test_it_is_queued_after_the_stop(stopped: Environment) -> None:
    stopped.queue(2, flags="+")
    assert tasks(stopped) == [1, 2]


@pytest.mark.parametrize(("stop", "state"), [(FAILED, "Q"), (CANCELLED, "W")])
def test_it_is_retried_until_a_cancel(stopped: Environment, stop: RunState, state: str) -> None:
    stopped.claim()
    stopped.complete(done(1, "W", delay=100))
    assert stopped.records()["1"].startswith("W1,W.0,0+,")
    stopped.scheduler.stop_run("r1", stop)
    stopped.now += 100
    stopped.scheduler.promote(10)
    assert stopped.records()["1"][0] == state


def test_after_a_cancel_a_retry_is_a_failure(stopped: Environment) -> None:
    stopped.claim()
    stopped.client.cancel("r1")
    stopped.complete(done(1, "W", delay=100))
    assert stopped.records()["1"].startswith("F1,")


def test_a_returned_attempt_is_queued_again(stopped: Environment) -> None:
    stopped.claim()
    stopped.worker.release("W.0", ["r1,1"])
    assert stopped.records()["1"] == "Q1,,0+,,,0"
    assert stopped.dump()[f"ready:{LIST}:5"] == ["r1,1,1"]


def test_an_attempt_returned_after_a_cancel_ends(stopped: Environment) -> None:
    stopped.claim()
    stopped.client.cancel("r1")
    stopped.worker.release("W.0", ["r1,1"])
    assert stopped.records()["1"].startswith("C1,")


def test_the_death_of_its_worker_does_not_end_it(stopped: Environment) -> None:
    stopped.claim()
    stopped.worker.reap_child("W.0", ["r1,1"], 3, b"error")
    assert stopped.records()["1"] == "Q2,,1+,,,0"


def test_after_a_resume_it_keeps_its_flag(stopped: Environment) -> None:
    stopped.claim()
    stopped.complete(done(1, "F"))
    stopped.finish(outcome="failed")
    stopped.client.resume("r1")
    stopped.scheduler.reset("r1", [1])
    stopped.queue(1, flags="+")
    assert stopped.records()["1"] == "Q2,,0/1+,,,0"
