"""A task that waits for a retry is made due at once, and nothing else is."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, LIST, START, Environment, done

from flowkit.exceptions import RunAlreadyOver, RunNotFound
from flowkit.protocol.app_functions import function_id
from flowkit.protocol.change_store import Waiting
from flowkit.protocol.keys import of_function

FUNCTION = function_id("app:f")
OF_FUNCTION = of_function(LIST, FUNCTION)


def waiting(task: int = 0, attempt: int = 1, level: str = "5") -> Waiting:
    return Waiting(task, attempt, level, [LIST, OF_FUNCTION])


def wait_an_hour(env: Environment, *tasks: int, **more: str) -> None:
    """These tasks have failed once, and are due in an hour; ten ms have passed since."""
    env.running(*tasks)
    env.complete(*(done(task, "W", delay=HOUR_MS, **more) for task in tasks))
    env.now += 10


def test_it_is_due_at_once_and_the_scheduler_is_told(env: Environment) -> None:
    wait_an_hour(env, 0, 1)
    before = env.records()["0"]
    changed = env.changed_by(lambda: env.client.hasten("r1", [waiting()], "me"))
    assert set(changed) == {"run:r1:tasks", "run:r1:history", "delayed", "events"}
    assert changed["run:r1:history"][-1] == {"hasten": "0 me"}
    assert before.split(",")[4] == str(HOUR_MS)
    record = env.records()["0"].split(",")
    assert record[:4] + record[5:] == before.split(",")[:4] + before.split(",")[5:]
    assert record[4] == "10"
    due = changed["delayed"]
    assert due[f"r1,0,2,{LIST},5"] == START + 10
    assert due[f"r1,1,2,{LIST},5"] == START + HOUR_MS, "the other one still waits"
    assert env.events()[-1] == {"W": "r1 0"}
    assert env.scheduler.promote(10)[0] == 1
    assert [(claim.task, claim.attempt) for claim in env.claim()] == [(0, 2)]


def test_several_are_hastened_in_one_call_and_one_event(env: Environment) -> None:
    wait_an_hour(env, 0, 1, 2)
    assert env.client.hasten("r1", [waiting(0), waiting(2), waiting(1)]) == 3
    assert env.events()[-1] == {"W": "r1 0 2 1"}
    assert env.scheduler.promote(10)[0] == 3


def test_more_than_a_call_takes(env: Environment) -> None:
    total = 250
    env.running(*range(total), total=total)
    env.complete(*(done(task, "W", delay=HOUR_MS) for task in range(total)))
    assert env.client.hasten("r1", [waiting(task) for task in range(total)]) == total


@pytest.mark.parametrize(
    "other", [waiting(attempt=2), waiting(task=1), waiting(task=3)], ids=["attempt", "queued", "no"]
)
def test_what_does_not_wait_after_this_attempt_is_left_alone(
    env: Environment, other: Waiting
) -> None:
    wait_an_hour(env, 0)
    env.queue(1)
    assert env.changed_by(lambda: env.client.hasten("r1", [other])) == {}
    assert env.client.hasten("r1", [other]) == 0


def test_a_task_that_is_over_is_left_alone_though_the_clock_was_set_back(env: Environment) -> None:
    wait_an_hour(env, 0, 1)
    env.link.call("HSET", env.keys.tasks("r1"), 0, "S1,W.0,0,0,500")
    assert env.changed_by(lambda: env.client.hasten("r1", [waiting()])) == {}


def test_what_is_due_already_is_left_alone(env: Environment) -> None:
    wait_an_hour(env, 0)
    env.now += HOUR_MS
    assert env.changed_by(lambda: env.client.hasten("r1", [waiting()])) == {}


def test_in_a_run_that_stops_nothing_is_hastened(env: Environment) -> None:
    wait_an_hour(env, 0)
    env.client.cancel("r1")
    assert env.changed_by(lambda: env.client.hasten("r1", [waiting()])) == {}


def test_the_entry_stays_in_the_list_of_its_function(env: Environment) -> None:
    """Only some workers of the queue have it: the others would hand it on again."""
    wait_an_hour(env, 0)
    env.link.call("DEL", env.keys.delayed())
    entry = f"r1,0,2,{OF_FUNCTION},5"
    env.link.call("ZADD", env.keys.delayed(), START + HOUR_MS, entry)
    env.client.hasten("r1", [waiting()])
    assert env.dump()["delayed"] == {entry: START + 10}


def test_a_suspect_stays_at_its_level(env: Environment) -> None:
    wait_an_hour(env, 0, level="!")
    env.client.hasten("r1", [waiting()])
    assert env.dump()["delayed"] == {f"r1,0,2,{LIST},!": START + 10}


def test_a_lost_entry_is_made_again(env: Environment) -> None:
    wait_an_hour(env, 0)
    env.link.call("DEL", env.keys.delayed())
    env.client.hasten("r1", [waiting()])
    assert env.dump()["delayed"] == {f"r1,0,2,{LIST},5": START + 10}


def test_further_fields_of_a_record_stay(env: Environment) -> None:
    """A newer release writes them behind the due time."""
    wait_an_hour(env, 0)
    env.link.call("HSET", env.keys.tasks("r1"), 0, f"W1,W.0,0,0,{HOUR_MS},5,retry,3,new")
    env.client.hasten("r1", [waiting()])
    assert env.records()["0"] == "W1,W.0,0,0,10,5,retry,3,new"


@pytest.mark.parametrize("record", ["W1", "W1,W.0,0,0,x", "W1,W.0,0,0,9" + "9" * 400, "\xff"])
def test_a_damaged_record_is_left_alone(env: Environment, record: str) -> None:
    wait_an_hour(env, 0)
    env.link.call("HSET", env.keys.tasks("r1"), 0, record)
    assert env.changed_by(lambda: env.client.hasten("r1", [waiting()])) == {}


def test_a_key_of_another_type_in_place_of_the_entries(env: Environment) -> None:
    wait_an_hour(env, 0)
    env.link.call("DEL", env.keys.delayed())
    env.link.call("SET", env.keys.delayed(), "x")
    assert env.client.hasten("r1", [waiting()]) == 1
    assert env.records()["0"].split(",")[4] == "10", "the janitor restores the entry from it"
    env.link.call("DEL", env.keys.delayed())


def test_a_run_without_a_time_of_submission_changes_nothing(env: Environment) -> None:
    wait_an_hour(env, 0)
    env.link.call("HSET", env.keys.run("r1"), "submitted", "yesterday")
    assert env.changed_by(lambda: env.client.hasten("r1", [waiting()])) == {}


def test_a_run_that_is_over_or_gone(env: Environment) -> None:
    wait_an_hour(env, 0)
    with pytest.raises(RunNotFound):
        env.client.hasten("r2", [waiting()])
    env.finish(outcome="cancelled")
    before = env.dump()
    with pytest.raises(RunAlreadyOver, match="'r1' is over meanwhile \\(cancelled\\)"):
        env.client.hasten("r1", [waiting()])
    assert env.dump() == before
