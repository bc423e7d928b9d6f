"""Runs of large DAGs share a bounded part of the scheduler's memory; those without room wait.

A few kilobytes in Redis, a run each of one DAG of two million tasks, filled the memory of every
scheduler that was started, until the kernel ended it.
"""

from __future__ import annotations

import pytest
from stage import Stage, dag_of

from flowkit.core.compiled import CompiledDAG
from flowkit.core.retry import Policy
from flowkit.core.triggers import Trigger
from flowkit.scheduler import room as room_module
from flowkit.scheduler.active import Active
from flowkit.scheduler.resolver import Resolver
from flowkit.scheduler.room import (
    FIRST_PAUSE_S,
    GRAPH_BYTES,
    LONGEST_PAUSE_S,
    RUN_BYTES,
    TRIGGER_BYTES,
    Room,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has more than two tasks counts as large."""
    monkeypatch.setattr(room_module, "SMALL", 2)


def resolver_with(stage: Stage, tasks: int) -> Resolver:
    """A resolver with room for one DAG of so many tasks, and one run of it."""
    resolver = stage.resolver()
    resolver._room = Room(tasks * (GRAPH_BYTES + RUN_BYTES))
    return resolver


LARGE = "a b c d"


def test_a_run_without_room_waits_until_another_ends(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    resolver = resolver_with(stage, 4)
    for run, name in (("first", "one"), ("second", "two"), ("third", "three")):
        stage.submit(dag_of(LARGE, name=name), run)
    stage.submit(dag_of("x y", name="small"), "small")
    resolver.run_once(1)
    assert set(resolver.active) == {"first", "small"}
    assert stage.outcome("second") == "running"
    for _ in range(4):
        stage.play(resolver, stage.work)
    assert {stage.outcome(run) for run in ("first", "second", "third", "small")} == {"succeeded"}
    assert resolver.active == {}
    assert resolver._room.next() is None


def test_a_new_leader_admits_as_many_runs(stage: Stage) -> None:
    resolver = resolver_with(stage, 4)
    for number in range(3):
        stage.submit(dag_of(LARGE, name=f"dag-{number}"), f"r{number}")
    resolver.run_once(1)
    resolver.recover("0")
    assert len(resolver.active) == 1
    for _ in range(4):
        stage.play(resolver, stage.work)
    assert {stage.outcome(f"r{number}") for number in range(3)} == {"succeeded"}


def test_a_run_that_waits_can_be_cancelled(stage: Stage) -> None:
    resolver = resolver_with(stage, 4)
    stage.submit(dag_of(LARGE, name="one"), "first")
    stage.submit(dag_of(LARGE, name="two"), "second")
    resolver.run_once(1)
    stage.client.cancel("second")
    resolver.run_once(1)
    assert stage.outcome("second") == "cancelled"
    assert set(resolver.active) == {"first"}
    assert resolver._room.waiting == {}


def test_a_run_without_memory_waits_and_is_retried(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was ended as failed for good, though its graph was whole."""
    now = [0.0]
    resolver = stage.resolver()
    resolver._room = Room(monotonic=lambda: now[0])
    activate, tries = resolver._activate, []

    def without_memory(run: str, dag: CompiledDAG) -> Active:
        if run == "large":
            tries.append(now[0])
            if len(tries) < 4:
                raise MemoryError
        return activate(run, dag)

    monkeypatch.setattr(resolver, "_activate", without_memory)
    stage.submit(dag_of(LARGE, name="large"), "large")
    stage.submit(dag_of("x y", name="small"), "small")
    stage.play(resolver, stage.work)
    assert stage.outcome("large") == "running"
    assert stage.outcome("small") == "succeeded", "other runs go on"
    for second in range(60):
        now[0] = second
        stage.play(resolver, stage.work)
    assert tries == [0, FIRST_PAUSE_S, 3 * FIRST_PAUSE_S, 7 * FIRST_PAUSE_S], "it tries less often"
    assert stage.outcome("large") == "succeeded"
    assert not resolver._room.is_due()


def test_runs_without_memory_take_turns(stage: Stage) -> None:
    now = [0.0]
    room = Room(monotonic=lambda: now[0])
    for run in ("a", "b"):
        room.postpone(run)
    tried = []
    while len(tried) < 4:
        now[0] += LONGEST_PAUSE_S
        run = room.next()
        assert run is not None
        assert room.next() is None, "one at a time"
        tried.append(run)
        room.postpone(run)
    assert tried == ["a", "b", "a", "b"]
    room.leave("a")
    room.settle("b")
    now[0] += LONGEST_PAUSE_S
    assert room.next() is None
    assert room.postpone("c") == FIRST_PAUSE_S


def wide(tasks: int, trigger: Trigger = Trigger.NONE_FAILED) -> CompiledDAG:
    names = " ".join(f"t{number}" for number in range(tasks))
    return dag_of(names, policy=Policy(trigger=trigger))


def test_runs_of_one_dag_share_its_graph() -> None:
    dag, other = wide(100), wide(100)
    room = Room(100 * GRAPH_BYTES + 300 * RUN_BYTES)
    assert [room.admit(f"r{number}", dag) for number in range(4)] == [True, True, True, False]
    room.leave("r0")
    assert not room.admit("s", other), "a DAG of its own needs a graph of its own"
    assert room.admit("r3", dag)


def test_triggers_are_weighed() -> None:
    dag = wide(100, Trigger.ALL_SUCCEEDED)
    room = Room(100 * (GRAPH_BYTES + 2 * RUN_BYTES + TRIGGER_BYTES))
    assert room.admit("r0", dag)
    assert not room.admit("r1", dag)


def test_one_run_of_any_size_is_admitted() -> None:
    room = Room(1)
    assert room.admit("r0", wide(100))
    assert not room.admit("r1", wide(100))
    assert room.next() is None
    room.leave("r0")
    assert room.next() == "r1"
