"""Facts which say that a run with child runs is over: anyone can announce them, at any time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from stage import Stage, dag_of

from flowkit.protocol.calls import Calls, StoredCall
from flowkit.protocol.limits import MAX_CALLS_BYTES
from flowkit.scheduler.janitor import Janitor


def call(stage: Stage, parent: str, children: Sequence[str]) -> None:
    """Submit children of the first task of a run, which waits for them."""
    runs = tuple(StoredCall(run, "child") for run in children)
    for position, run in enumerate(children):
        stage.submit(dag_of("a", name="child"), run)
        key = stage.client.keys.run(run)
        stage.link.call("HSET", key, "parent", f"{parent},0,1,{position}", "depth", "1")
    key, waiting = stage.client.keys.children(parent), f"1,{len(children)},default,5"
    stage.link.call("HSET", key, "0", waiting, "0,1", Calls(runs, is_list=True).pack())
    stage.link.call("HSET", stage.client.keys.run(parent), "children", "1")


def announce(stage: Stage, *runs: str) -> None:
    facts = [word for run in runs for word in ("ended", run)]
    stage.link.call("XADD", stage.client.keys.events(), "*", *facts)


def test_a_run_that_is_not_over_keeps_its_children(stage: Stage) -> None:
    """The fact is forged, or is read again after a takeover and is older than a resume."""
    stage.submit(dag_of("a"))
    call(stage, "r1", ["c1"])
    announce(stage, "r1")
    stage.resolver().run_once(1)
    assert stage.client.read_run("c1").stop is None


def test_children_that_a_broken_run_waits_for_are_cancelled(stage: Stage) -> None:
    stage.submit(dag_of("a"))
    call(stage, "r1", ["c1", "c2"])
    resolver = stage.resolver()
    resolver.give_up("r1", ValueError("it cannot be read"))
    resolver.run_once(1)
    assert [str(stage.client.read_run(run).stop) for run in ("c1", "c2")] == ["cancelled"] * 2


def test_calls_that_are_too_large_to_read_do_not_stop_the_cursor(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = stage.client.keys.children("gone")
    stage.link.call("HSET", key, "0,1", b"x" * MAX_CALLS_BYTES)
    announce(stage, "gone")
    last = stage.client.keys.cursor()
    resolver = stage.resolver()
    monkeypatch.setattr(stage.link._bound, "most", MAX_CALLS_BYTES // 2)
    resolver.run_once(1)
    assert stage.link.call("GET", last) == resolver._store.last_announcement().encode()


def test_a_sweep_drops_tasks_of_runs_that_are_gone(stage: Stage) -> None:
    """They stayed listed forever, and hid how many entries of queues were missing."""
    stage.submit(dag_of("a"))
    call(stage, "r1", ["c1"])
    stage.link.call("HSET", stage.client.keys.tasks("r1"), "0", "W1,W.0,0,0,0,0,children,0")
    gone = [f"gone,{task}" for task in range(200)]
    stage.link.call("SADD", stage.client.keys.parents(), "r1,0", "nonsense", *gone)
    families = stage.resolver().families
    sweeps = 0
    while (left := stage.link.call("SMEMBERS", stage.client.keys.parents())) != [b"r1,0"]:
        assert sweeps < 50, left
        assert families.sweep() == 0
        sweeps += 1
    assert sweeps > 1, "one sweep looks at some of them"


def test_the_janitor_starts_the_ttl_of_runs_that_a_lost_parent_held(stage: Stage) -> None:
    stage.submit(dag_of("a"))
    call(stage, "r1", ["c1"])
    resolver = stage.resolver()
    keys = stage.client.keys
    stage.link.call("HSET", keys.run("c1"), "state", "succeeded", "held", "1")
    janitor = Janitor(resolver._store, stage.listener, 10.0, lambda: 0)
    janitor.run_once()
    assert stage.link.call("PTTL", keys.run("c1")) == -1
    stage.link.call("DEL", keys.run("r1"))
    janitor.run_once()
    assert stage.link.call("PTTL", keys.run("c1")) > 0


def test_a_fact_that_comes_many_times_is_carried_out_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = stage.resolver()
    left: list[str] = []
    monkeypatch.setattr(resolver.families, "leave_children", left.append)
    announce(stage, *["r1"] * 100, "r2")
    announce(stage, "r1")
    resolver.run_once(1)
    assert left == ["r1", "r2"]
    announce(stage, "r1")
    resolver.run_once(1)
    assert left == ["r1", "r2", "r1"]


def test_the_children_of_many_tasks_expire_together(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapped task may have called runs in each of its items."""
    key = stage.client.keys.children("over")
    for task in range(600):
        calls = Calls((StoredCall(f"c{task}", "child"),), is_list=False)
        stage.link.call("HSET", key, f"{task},1", calls.pack(), task, "1,0,default,5")
    resolver = stage.resolver()
    parts: list[int] = []
    expire = resolver._store.expire_children
    monkeypatch.setattr(
        resolver._store, "expire_children", lambda runs: parts.append(len(runs)) or expire(runs)
    )
    announce(stage, "over")
    resolver.run_once(1)
    assert sum(parts) >= 600
    assert len(parts) == 2
