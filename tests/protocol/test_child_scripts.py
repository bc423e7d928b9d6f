"""Runs that a task has called: the scripts that submit, count, wake, hold and continue them."""

from __future__ import annotations

import pytest
from environment import LIST, Environment, done
from helpers import EXPIRING
from situations import CHILDREN, begun, called, forgotten, stopped_short

from flowkit.core.states import TaskState
from flowkit.exceptions import LeaseLost, RunNotOver
from flowkit.protocol.calls import Calls
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.link import Link
from flowkit.protocol.parent_store import WaitingTask
from flowkit.protocol.scheduler_store import SchedulerStore


def test_the_runs_are_submitted_in_the_step_that_records_the_outcome(env: Environment) -> None:
    called(env)
    assert env.records()["0"].startswith("W1,W.0,0,0,0,0,children,")
    assert [env.client.read_run(run).parent for run in CHILDREN] == [("r1", 0, 1)] * 2
    announced = env.scheduler.read_announcements("0", 10, 1)
    facts = [fact for item in announced for fact in item.facts]
    submitted = [text.split(b" ")[0].decode() for kind, text in facts if kind == b"submit"]
    assert submitted == ["r1", *CHILDREN]
    assert env.link.call("HGET", env.keys.run("c1"), "depth") == b"1"


def test_the_last_one_wakes_the_task(env: Environment) -> None:
    begun(env)
    env.finish("c1")
    assert env.records()["0"][0] == "W"
    env.finish("c2", "failed", 0)
    assert env.records()["0"].startswith("Q2,,0*1&,,,")
    (claim,) = env.claim()
    assert (claim.attempt, claim.spent.failures(claim.attempt)) == (2, 1)
    assert Calls.unpack(env.worker.read_calls("r1", 0)).runs[0].run == "c1"


def test_a_retry_calls_the_function_again(env: Environment) -> None:
    begun(env)
    for run in CHILDREN:
        env.finish(run)
    env.claim()
    env.complete(done(0, "W", attempt=2))
    assert env.records()["0"].split(",")[2] == "0*1"


def test_in_a_run_that_stops_the_task_is_cancelled(env: Environment) -> None:
    begun(env)
    env.client.cancel("r1")
    ended = env.scheduler.end_tasks("r1", TaskState.CANCELLED, [0], notify=True)
    assert ended == ([], [], [0])
    for run in CHILDREN:
        env.finish(run, "cancelled")
    assert env.records()["0"][0] == "C"


def states_to_stop(env: Environment) -> list[str]:
    return [env.client.read_run(run).stop or "" for run in CHILDREN]


def test_the_runs_of_a_task_that_is_to_end_are_cancelled(env: Environment) -> None:
    begun(env)
    env.finish("c1")
    env.client.cancel("r1")
    env.scheduler.cancel_children("r1", CHILDREN)
    assert states_to_stop(env) == ["", "cancelled"]


def test_runs_that_go_on_are_not_cancelled(env: Environment) -> None:
    """The end of a run is heard again after a takeover, when the run may have been resumed."""
    begun(env)
    env.scheduler.cancel_children("r1", CHILDREN)
    assert states_to_stop(env) == ["", ""]
    env.submit("r2")
    env.client.cancel("r1")
    env.client.cancel("r2")
    env.scheduler.cancel_children("r2", CHILDREN)  # which another run has called
    assert states_to_stop(env) == ["", ""]
    with pytest.raises(LeaseLost):
        stale(env).cancel_children("r1", CHILDREN)
    assert states_to_stop(env) == ["", ""]


def stale(env: Environment) -> SchedulerStore:
    store = SchedulerStore(env.link, env.scheduler.keys.namespace, "s0")
    store.term = 0
    return store


def test_a_child_is_held_until_its_parent_is_over(env: Environment) -> None:
    begun(env)
    env.finish("c1")
    assert "run:c1" not in env.dump()[EXPIRING]
    with pytest.raises(RunNotOver, match="needs its results"):
        env.client.delete("c1")
    assert env.scheduler.expire_children(["c1"]) == 0
    env.finish("c2")
    env.finish("r1")
    assert env.scheduler.expire_children(["c1"]) == 1
    assert "run:c1" in env.dump()[EXPIRING]
    assert env.scheduler.expire_children(["c2"]) == 1


def test_a_sweep_wakes_a_task_whose_runs_are_gone(env: Environment) -> None:
    begun(env)
    assert env.scheduler.waiting_tasks("0", 10).tasks == [WaitingTask("r1", 0)]
    assert not env.scheduler.recount_calls(WaitingTask("r1", 0))
    for run in CHILDREN:
        env.link.call("DEL", env.keys.run(run), env.keys.tasks(run))
    assert env.scheduler.recount_calls(WaitingTask("r1", 0))
    assert env.records()["0"][0] == "Q"


def test_a_task_whose_calls_are_damaged_is_woken(env: Environment) -> None:
    called(env)
    env.link.call("HSET", env.keys.children("r1"), "0", "nonsense")
    with pytest.raises(CorruptData):
        env.scheduler.recount_calls(WaitingTask("r1", 0))
    assert env.scheduler.wake_damaged(WaitingTask("r1", 0), LIST, "5")
    assert env.records()["0"][0] == "Q"


def test_only_tasks_that_wait_stay_listed(env: Environment) -> None:
    forgotten(env)
    env.link.call("SADD", env.keys.parents(), "r1,1")
    entries = sorted(env.link.call("SMEMBERS", env.keys.parents()))
    assert entries == [b"nonsense", b"r1,0", b"r1,1", b"r9,0"]
    assert env.scheduler.prune_parents(entries) == 3
    assert env.link.call("SMEMBERS", env.keys.parents()) == [b"r1,0"]
    env.link.call("HSET", env.keys.run("r1"), "state", "failed")
    assert env.scheduler.prune_parents(["r1,0"]) == 1, "a run that is over waits for nothing"
    env.link.call("HSET", env.keys.run("r1"), "state", "running")


def test_held_runs_of_a_parent_that_is_gone_expire(env: Environment) -> None:
    """An evicted parent announces no end, so its children were held forever."""
    begun(env)
    env.finish("c1")
    listed = [b"r1", b"c1", b"c2", b"bad id"]
    assert env.scheduler.expire_orphans(listed) == 0, "the parent needs it"
    env.link.call("DEL", env.keys.run("r1"), env.keys.tasks("r1"), env.keys.children("r1"))
    before = env.dump()["graphs"]
    assert env.scheduler.expire_orphans(listed) == 1
    expiring = env.dump()[EXPIRING]
    assert {"run:c1", "run:c1:tasks"} <= set(expiring)
    assert "run:c2" not in expiring, "it is running"
    assert env.dump()["graphs"] != before, "its graph is released"
    assert env.scheduler.expire_orphans(listed) == 0


def test_forged_marks_of_held_runs_are_not_read(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The janitor read them all at once, and one above the limit of a reply ended each sweep."""
    begun(env)
    env.finish("c1")
    env.link.call("DEL", env.keys.run("r1"))
    env.link.call("HSET", env.keys.run("c1"), "held", "1" * 200_000)
    env.link.call("SET", env.keys.run("c3"), "no hash")
    monkeypatch.setattr("flowkit.protocol.link.MAX_REPLY_BYTES", 100_000)
    scheduler = SchedulerStore(Link(env.url), env.namespace, "s1")
    scheduler.term = env.scheduler.term
    assert scheduler.expire_orphans([b"r1", b"c1", b"c2", b"c3"]) == 1
    assert env.link.call("HGET", env.keys.run("c1"), "held") is None
    env.link.call("DEL", env.keys.run("c3"))


def test_a_resume_continues_the_runs(env: Environment) -> None:
    stopped_short(env)
    assert env.scheduler.continue_calls(WaitingTask("r1", 0), "id")
    assert env.records()["0"].startswith("W2,W.0,0/1,")
    assert env.client.read_run("c1").state.value == "running"
    assert env.client.read_run("c2").parent == ("r1", 0, 2)
    env.finish("c1")
    assert env.link.call("HGET", env.keys.run("c1"), "resuming") == b"1"


def test_a_hint_does_not_start_a_task_that_waits_for_runs(env: Environment) -> None:
    called(env)
    env.link.call("ZADD", env.keys.delayed(), 0, f"r1,0,2,{LIST},5")
    assert env.scheduler.promote(10)[0] == 0
    assert env.scheduler.requeue("r1", [(0, LIST, "5")]) == 0
    assert env.records()["0"][0] == "W"


@pytest.mark.parametrize(
    "data", [None, b"", b"\x90", b"\x92\xc3\x90", b"\x92\x01\x91\x93\xa1a\xa1b\x00"]
)
def test_damaged_calls_are_refused(data: bytes | None) -> None:
    with pytest.raises(CorruptData):
        Calls.unpack(data)
