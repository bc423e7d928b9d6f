"""Suspects on real scripts: a death names one cause, a child executes one suspect at a time."""

from __future__ import annotations

from stage import LANE, Stage, dag_of

from flowkit.core.retry import Policy
from flowkit.protocol.spent import Flag, Spent
from flowkit.protocol.worker_store import Claim

ASYNC_LANE = LANE + "a"
ERROR = b"error"


def both_lanes(stage: Stage) -> tuple[list[Claim], list[Claim]]:
    """Run two sync tasks and two async ones on the lanes of one child."""
    resolver = stage.resolver()
    stage.submit(dag_of("a", "b"), "sync")
    stage.submit(dag_of("c", "d", policy=Policy(is_async=True)), "async")
    resolver.run_once(1)
    return claim(stage, LANE, "default"), claim(stage, ASYNC_LANE, "default~async")


def claim(stage: Stage, lane: str, ready: str) -> list[Claim]:
    stage.worker.heartbeat("W", 3_600_000, [LANE, ASYNC_LANE], b"about")
    stage.calls += 1
    return list(stage.worker.complete(lane, [], stage.calls, 100, 1, [ready]).claims)


def spent(stage: Stage, run: str) -> dict[str, tuple[int, bool]]:
    return {
        name: (record.spent.deaths, Flag.SUSPECT in record.spent.flags)
        for name, record in stage.records(run).items()
    }


def die(stage: Stage, executing: list[str], blame: str = "") -> None:
    for lane in (LANE, ASYNC_LANE):
        stage.worker.reap_child(lane, executing, 3, ERROR, blame=blame)


def test_of_several_none_is_blamed_and_all_are_suspects(stage: Stage) -> None:
    both_lanes(stage)
    die(stage, ["sync,0", "async,0"])
    assert spent(stage, "sync") == {"a": (0, True), "b": (0, False)}
    assert spent(stage, "async") == {"c": (0, True), "d": (0, False)}


def test_the_named_attempt_is_blamed_and_the_others_are_suspects(stage: Stage) -> None:
    both_lanes(stage)
    die(stage, ["sync,0", "async,0", "async,1"], blame="sync,0")
    assert spent(stage, "sync") == {"a": (1, False), "b": (0, False)}
    assert spent(stage, "async") == {"c": (0, True), "d": (0, True)}


def test_a_child_takes_no_second_suspect_while_it_executes_one(stage: Stage) -> None:
    both_lanes(stage)
    die(stage, ["sync,0", "async,0"])
    (first,) = claim(stage, LANE, "default")
    assert Flag.SUSPECT in first.spent.flags
    others = claim(stage, ASYNC_LANE, "default~async")
    assert not any(Flag.SUSPECT in other.spent.flags for other in others)
    stage.end([first])
    stage.end(others, lane=ASYNC_LANE)
    (second,) = claim(stage, ASYNC_LANE, "default~async")
    assert (second.key, second.spent) == ("async,0", Spent.decode("0/1!"))
