"""The resolver on real scripts: what it does with events, and after taking over at any moment."""

from __future__ import annotations

import pytest
from stage import Stage, dag_of

from flowkit.exceptions import LeaseLost
from flowkit.protocol.outcomes import Outcome


def test_a_submitted_run_is_begun_and_resolved_to_its_end(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a b d", "a c d"))
    order: list[str] = []
    stage.play(resolver, lambda: order.extend(names := stage.work()) or names)
    assert order == ["a", "b", "c", "d"]
    assert stage.outcome() == "succeeded"
    assert resolver.active == {}


def test_an_empty_run_ends_immediately(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of())
    resolver.run_once(1)
    assert stage.outcome() == "succeeded"


def test_the_window_bounds_what_is_queued(stage: Stage) -> None:
    resolver = stage.resolver(window=2)
    stage.submit(dag_of(*"abcde"))
    resolver.run_once(1)
    assert list(stage.states()) == ["a", "b"]
    stage.end(stage.claim(1))
    resolver.run_once(1)
    assert sorted(stage.states()) == ["a", "b", "c"]


def test_a_failed_task_stops_the_run_and_is_named_in_it(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a b", "c d"))
    resolver.run_once(1)
    first, second = stage.claim()
    stage.end([first], "F")
    resolver.run_once(1)
    assert stage.states() == {
        "a": "failed",
        "b": "upstream_failed",
        "c": "running",
        "d": "cancelled",
    }
    assert stage.outcome() == "running", "what runs is waited for"
    stage.end([second])
    resolver.run_once(1)
    assert stage.outcome() == "failed"
    assert stage.client.read_run("r1").failed_task == 0


def test_a_run_is_finished_once(stage: Stage) -> None:
    """The events that led to its end are read again by the next scheduler; nothing comes of it."""
    stage.submit(dag_of("a"))
    first = stage.resolver()
    first.run_once(1)
    stage.work()
    # The first one carries its end out and dies before it has moved the cursor.
    cursor = first._cursor
    first.run_once(1)
    stage.now += 50
    stage.link.call("SET", stage.store().keys.cursor(), cursor)
    before = stage.dump()
    second = stage.resolver("s2")
    second.run_once(1)
    after = stage.dump()
    run = "run:r1"
    assert after[run] == before[run]
    assert after[run]["finished"] == "1000000"


@pytest.mark.parametrize("turns", range(7))
def test_taking_over_after_any_turn_changes_nothing_in_the_end(stage: Stage, turns: int) -> None:
    dag = dag_of("a b d", "a c d", "e")
    stage.submit(dag)
    resolver, order = stage.resolver(), list[str]()
    for turn in range(20):
        if turn == turns:
            resolver = stage.resolver("s2")
        resolver.run_once(1)
        order += stage.work(limit=1)
        if stage.outcome() != "running":
            break
    assert stage.outcome() == "succeeded"
    assert sorted(order) == ["a", "b", "c", "d", "e"]
    assert order.index("a") < min(order.index("b"), order.index("c"))
    assert order[-1] in ("d", "e")


def test_events_from_before_the_takeover_are_not_applied_again(stage: Stage) -> None:
    """The run failed and was resumed since; the old failure must not end it once more."""
    stage.submit(dag_of("a b"))
    first = stage.resolver()
    first.run_once(1)
    cursor = first._cursor
    stage.work("F")
    first.run_once(1)
    assert stage.outcome() == "failed"
    stage.client.resume("r1")
    # The next scheduler finds the failure and the resuming behind an older cursor.
    _put_back(stage, "F", "r1 0", cursor)
    second = stage.resolver("s2")
    stage.play(second, stage.work)
    assert stage.outcome() == "succeeded"
    assert stage.records()["a"].attempt == 2


def _put_back(stage: Stage, kind: str, text: str, cursor: str) -> None:
    """Let an event that was applied stand in the stream again, before all that is there."""
    keys = stage.store().keys
    later = stage.link.call("XRANGE", keys.events(), "-", "+")
    stage.link.call("DEL", keys.events())
    stage.link.call("XADD", keys.events(), "1-1", kind, text)
    for event_id, fields in later:
        stage.link.call("XADD", keys.events(), event_id, *fields)
    stage.link.call("SET", keys.cursor(), "0")


def test_commands_of_a_lost_term_are_not_written_in_a_later_one(stage: Stage) -> None:
    """A scheduler had an end in its buffer when it lost its lease. Somebody else ended the run,
    it was resumed, and the first one led again: writing what it had kept ended it once more."""
    stage.submit(dag_of("a b"))
    first = stage.resolver("s1")
    first.run_once(1)
    stage.work("F")
    second = stage.resolver("s2")
    with pytest.raises(LeaseLost):
        first.run_once(1)
    second.run_once(1)
    first._writer.finish("r1", stage.client.read_run("r1").state, 0, "")
    stage.client.resume("r1")
    first._store.term = stage.leading("s1").term
    first.recover(first._store.read_cursor())
    assert stage.outcome() == "running"
    stage.play(first, stage.work)
    assert stage.outcome() == "succeeded"


def test_a_deposed_scheduler_writes_nothing(stage: Stage) -> None:
    first = stage.resolver("s1")
    stage.resolver("s2")
    stage.submit(dag_of("a"))
    before = stage.dump()
    with pytest.raises(LeaseLost, match="s1 no longer leads"):
        first.run_once(1)
    assert stage.dump() == before


# -- cancel and resume --------------------------------------------------------------------------


def test_a_cancelled_run_ends_when_its_running_tasks_finish(stage: Stage) -> None:
    resolver = stage.resolver(window=3)
    stage.submit(dag_of("a z", "b", "c", "d"))
    resolver.run_once(1)
    (running,) = stage.claim(1)
    stage.client.cancel("r1")
    resolver.run_once(1)
    assert stage.states() == {
        "a": "running",
        "z": "cancelled",
        "b": "cancelled",
        "c": "cancelled",
        "d": "cancelled",
    }
    pulse = stage.worker.heartbeat("W", 1000, ["W.0"])
    assert pulse.stops == {"W.0": ["r1,0,1"]}
    stage.end([running], "C")
    resolver.run_once(1)
    assert stage.outcome() == "cancelled"
    assert stage.claim() == []


def test_the_next_scheduler_carries_out_an_unread_cancel(stage: Stage) -> None:
    stage.submit(dag_of("a b"))
    stage.resolver().run_once(1)
    stage.client.cancel("r1")
    second = stage.resolver("s2")
    second.run_once(1)
    assert stage.outcome() == "cancelled"


def test_a_resumed_run_keeps_what_succeeded_and_numbers_attempts_on(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a b c"))
    resolver.run_once(1)
    stage.work("S")
    resolver.run_once(1)
    stage.work("F")
    resolver.run_once(1)
    assert stage.outcome() == "failed"
    stage.client.resume("r1")
    order: list[str] = []
    stage.play(resolver, lambda: order.extend(names := stage.work()) or names)
    assert order == ["b", "c"]
    assert stage.outcome() == "succeeded"
    assert {name: item.attempt for name, item in stage.records().items()} == {
        "a": 1,
        "b": 2,
        "c": 1,
    }


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_resume_is_not_lost_with_the_scheduler(stage: Stage, carried_out: bool) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a b"))
    resolver.run_once(1)
    stage.work("F")
    resolver.run_once(1)
    stage.client.resume("r1")
    if carried_out:
        resolver.run_once(1)
    second = stage.resolver("s2")
    stage.play(second, stage.work)
    assert stage.outcome() == "succeeded"


# -- what is broken -----------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["gone", "damaged", "of another format"])
def test_a_run_whose_graph_cannot_be_used_ends_as_failed(stage: Stage, damage: str) -> None:
    stage.submit(dag_of("a b"))
    record = stage.client.read_run("r1")
    key = stage.client.keys.graph(record.digest)
    if damage == "gone":
        stage.link.call("DEL", key)
    else:
        stage.link.call("SET", key, b"\x91\x63" if damage != "damaged" else b"nonsense")
    resolver = stage.resolver()
    resolver.run_once(1)
    assert stage.outcome() == "failed"
    assert stage.client.read_run("r1").failed_task is None
    stage.link.call("DEL", key)


def test_one_broken_run_does_not_keep_others_from_their_end(stage: Stage) -> None:
    stage.submit(dag_of("x", name="broken"), "r0")
    stage.link.call("DEL", stage.client.keys.graph(stage.client.read_run("r0").digest))
    stage.submit(dag_of("a b"), "r1")
    resolver = stage.resolver()
    stage.play(resolver, stage.work)
    assert (stage.outcome("r0"), stage.outcome("r1")) == ("failed", "succeeded")


def test_facts_of_deleted_runs_are_skipped(stage: Stage) -> None:
    resolver = stage.resolver()
    keys = stage.client.keys
    for kind in ("S", "F", "K", "C", "W", "cancel", "resume", "submit", "something new"):
        stage.link.call("XADD", keys.events(), "*", kind, "nobody 0")
    assert resolver.run_once(1) == 9
    assert resolver.active == {}


def test_an_outcome_that_comes_after_the_end_changes_nothing(stage: Stage) -> None:
    resolver = stage.resolver()
    stage.submit(dag_of("a"))
    resolver.run_once(1)
    (claim,) = stage.claim()
    stage.end([claim])
    resolver.run_once(1)
    before = stage.dump()
    reply = stage.worker.complete("W.0", [Outcome.decode("r1", "0,1,S")], 0, 0, 1, ())
    assert list(reply.stale) == []
    assert stage.dump() == before
