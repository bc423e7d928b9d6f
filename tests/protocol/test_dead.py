"""The list of tasks that failed for good: who gets on it, who leaves it, and how long it may be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from world import START, World, done

import flowkit.protocol
from flowkit.protocol import limits
from flowkit.protocol.records import ErrorInfo

ERROR = ErrorInfo("ValueError", "broken", "Traceback").pack()


def dead(world: World) -> dict[str, int]:
    found: dict[str, int] = world.dump().get("dead", {})
    return found


def test_a_run_that_goes_well_leaves_nothing(world: World) -> None:
    world.running(0, 1, 2)
    world.complete(done(0), done(1, "W"), done(2, "K"))
    assert "dead" not in world.dump()


def test_what_a_worker_reports_as_failed_is_listed_by_its_time(world: World) -> None:
    world.running(0, 1)
    world.now += 7
    world.complete(done(0, "F", payload=ERROR), done(1))
    assert dead(world) == {"r1,0": START + 7}


@pytest.mark.parametrize("code", ["W", "D"])
def test_so_is_a_retry_that_a_stopping_run_does_not_grant(world: World, code: str) -> None:
    world.running(0, 1)
    world.scheduler.stop_run("r1", world.client.read_run("r1").state.FAILED, 1)
    world.complete(done(0, code, payload=ERROR))
    assert list(dead(world)) == ["r1,0"]


def test_so_is_what_died_too_often(world: World) -> None:
    world.running(0)
    world.worker.reap_child("W.0", ["r1,0"], 1, ERROR)
    assert list(dead(world)) == ["r1,0"]


def test_what_is_made_again_leaves_it(world: World) -> None:
    world.running(0, 1)
    world.complete(done(0, "F", payload=ERROR), done(1, "F", payload=ERROR))
    world.finish(outcome="failed", failed=0)
    world.client.resume("r1")
    world.scheduler.reset("r1", [0])
    assert list(dead(world)) == ["r1,1"]


def test_it_is_bounded_and_keeps_the_newest(world: World) -> None:
    text = (Path(flowkit.protocol.__file__).parent / "lua" / "_lib" / "dead.lua").read_text()
    bound = int(re.findall(r"DEAD_BOUND = (\d+)", text)[0])
    assert bound == limits.MAX_DEAD
    world.running(0)
    some = [word for at in range(bound) for word in (at, f"old,{at}")]
    for at in range(0, len(some), 2000):
        world.link.call("ZADD", world.keys.dead(), *some[at : at + 2000])
    world.complete(done(0, "F"))
    assert world.link.call("ZCARD", world.keys.dead()) == bound
    assert world.link.call("ZRANGE", world.keys.dead(), 0, 0) == [b"old,1"]
    assert world.link.call("ZRANGE", world.keys.dead(), -1, -1) == [b"r1,0"]
    world.link.call("DEL", world.keys.dead())


class TestForgetting:
    @pytest.fixture
    def listed(self, world: World) -> World:
        """Four tasks that failed; since then, two of them were made again and one run is gone."""
        world.running(0, 1, 2, 3)
        world.complete(*(done(task, "F") for task in range(4)))
        world.link.call("HSET", world.keys.tasks("r1"), "0", "P1,,0,,", "2", "S2,W.0,0,0,1")
        world.link.call("ZADD", world.keys.dead(), START - 1, "gone,0")
        return world

    def test_what_has_not_failed_any_more_goes(self, listed: World) -> None:
        assert listed.scheduler.prune_dead_letters(0, 100) == (3, 0)
        assert list(dead(listed)) == ["r1,1", "r1,3"]

    def test_a_long_list_is_gone_through_in_parts(self, listed: World) -> None:
        rank, went = 0, []
        for _ in range(3):
            dropped, rank = listed.scheduler.prune_dead_letters(rank, 2)
            went.append((dropped, rank))
        assert went == [(2, 0), (1, 1), (0, 0)]
        assert list(dead(listed)) == ["r1,1", "r1,3"]


class TestReading:
    def test_in_parts_the_newest_first(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("flowkit.protocol.list_reads.DEAD_PART", 2)
        for at in range(5):
            world.link.call("ZADD", world.keys.dead(), START + at, f"r{at},{at}")
        parts = list(world.client.read_dead(START + 1))
        assert [[run for run, _, _ in part] for part in parts] == [["r4", "r3"], ["r2", "r1"], []]
        assert parts[0][0] == ("r4", 4, START + 4)

    def test_only_what_has_failed_is_a_failure(self, world: World) -> None:
        world.running(0, 1)
        world.complete(done(0, "F", payload=ERROR), done(1))
        failure, *others = world.client.read_failures([("r1", 0), ("r1", 1), ("r1", 3), ("x", 0)])
        assert others == [None, None, None]
        assert failure is not None
        assert (failure.dag_name, failure.error, failure.record.lane) == ("etl", ERROR, "W.0")

    def test_nothing_is_asked_for_nothing(self, world: World) -> None:
        assert world.client.read_failures([]) == []
        assert world.client.result_sizes("r1", []) == []
