"""The end of a mapped task: it has no attempt, and the scheduler records it with its decisions."""

from __future__ import annotations

import pytest
from environment import LIST, Environment, done

from flowkit.core.states import TaskState
from flowkit.protocol.items import Items
from flowkit.protocol.records import TaskRecord, parse_record


def end(env: Environment, task: int = 1, code: str = "S", items: int = 3, error: str = "") -> None:
    env.apply("mapped", "r1", task, code, items, error)


def record_of(env: Environment, task: int = 1) -> TaskRecord:
    return parse_record(env.records()[str(task)].encode())


@pytest.mark.parametrize("code", ["S", "F", "C", "U"])
def test_it_is_recorded_with_its_number_of_items(env: Environment, code: str) -> None:
    env.ready(0)
    env.now += 20
    changed = env.changed_by(lambda: end(env, code=code))
    assert changed == {"run:r1:tasks": {**env.records(), "1": f"{code}0,,0,,20,,3"}}
    assert record_of(env).items == Items(3)


def test_an_error_is_stored_and_the_task_is_a_dead_letter(env: Environment) -> None:
    env.ready(0)
    end(env, code="F", error="packed")
    assert record_of(env) == TaskRecord(TaskState.FAILED, ended_ms=0)
    assert env.dump()["run:r1:errors"] == {"1": "packed"}
    assert env.dump()["dead"] == {"r1,1": env.now}


def test_without_an_error_it_is_no_dead_letter(env: Environment) -> None:
    env.ready(0)
    end(env, code="F")
    assert "dead" not in env.dump()
    assert "run:r1:errors" not in env.dump()


@pytest.mark.parametrize("before", ["S1,W.0,0,0,5,0", "F0,,0,,5,,3", "C0,,0,,5", "K0,,0,,5"])
def test_a_task_that_is_over_stays_so(env: Environment, before: str) -> None:
    env.ready(0)
    env.link.call("HSET", env.keys.tasks("r1"), 1, before)
    assert env.changed_by(lambda: end(env, code="F", error="late")) == {}


def test_a_task_that_was_reset_keeps_what_it_has_spent(env: Environment) -> None:
    env.ready(0)
    env.link.call("HSET", env.keys.tasks("r1"), 1, "P2,,0/2,,")
    end(env)
    assert env.records()["1"] == "S2,,0/2,,0,,3"


def test_it_ends_only_in_a_running_run_and_by_the_leader(env: Environment) -> None:
    env.running(0)
    env.complete(done(0))
    env.finish()
    assert env.changed_by(lambda: end(env)) == {}


def test_it_comes_in_the_order_of_the_other_commands(env: Environment) -> None:
    env.ready(0)
    queue = ("queue", "r1", LIST, "5", "", 1, 2)
    env.apply("mapped", "r1", 1, "S", 0, "", *queue)
    assert env.records()["1"].startswith("S0")
    assert env.records()["2"].startswith("Q1")
