"""The list of tasks that failed for good: who gets on it, who leaves it, and how long it may be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from environment import START, Environment, done

import flowkit.protocol
from flowkit.protocol import limits
from flowkit.protocol.records import ErrorInfo

ERROR = ErrorInfo("ValueError", "broken", "Traceback").pack()


def dead(env: Environment) -> dict[str, int]:
    result: dict[str, int] = env.dump().get("dead", {})
    return result


def test_a_successful_run_leaves_no_dead_letter(env: Environment) -> None:
    env.running(0, 1, 2)
    env.complete(done(0), done(1, "W"), done(2, "K"))
    assert "dead" not in env.dump()


def test_failures_reported_by_workers_are_listed_by_time(env: Environment) -> None:
    env.running(0, 1)
    env.now += 7
    env.complete(done(0, "F", payload=ERROR), done(1))
    assert dead(env) == {"r1,0": START + 7}


@pytest.mark.parametrize("code", ["W", "D"])
def test_a_retry_refused_by_a_stopping_run_is_listed(env: Environment, code: str) -> None:
    env.running(0, 1)
    env.scheduler.stop_run("r1", env.client.read_run("r1").state.FAILED, 1)
    env.complete(done(0, code, payload=ERROR))
    assert list(dead(env)) == ["r1,0"]


def test_a_task_that_died_too_often_is_listed(env: Environment) -> None:
    env.running(0)
    env.worker.reap_child("W.0", ["r1,0"], 1, ERROR)
    assert list(dead(env)) == ["r1,0"]


def test_a_rerun_task_leaves_the_list(env: Environment) -> None:
    env.running(0, 1)
    env.complete(done(0, "F", payload=ERROR), done(1, "F", payload=ERROR))
    env.finish(outcome="failed", failed=0)
    env.client.resume("r1")
    env.scheduler.reset("r1", [0])
    assert list(dead(env)) == ["r1,1"]


def test_it_is_bounded_and_keeps_the_newest(env: Environment) -> None:
    text = (Path(flowkit.protocol.__file__).parent / "lua" / "_lib" / "dead.lua").read_text()
    bound = int(re.findall(r"DEAD_BOUND = (\d+)", text)[0])
    assert bound == limits.MAX_DEAD
    env.running(0)
    some = [word for at in range(bound) for word in (at, f"old,{at}")]
    for at in range(0, len(some), 2000):
        env.link.call("ZADD", env.keys.dead(), *some[at : at + 2000])
    env.complete(done(0, "F"))
    assert env.link.call("ZCARD", env.keys.dead()) == bound
    assert env.link.call("ZRANGE", env.keys.dead(), 0, 0) == [b"old,1"]
    assert env.link.call("ZRANGE", env.keys.dead(), -1, -1) == [b"r1,0"]
    env.link.call("DEL", env.keys.dead())


class TestForgetting:
    @pytest.fixture
    def listed(self, env: Environment) -> Environment:
        """Four tasks that failed; since then, two of them were made again and one run is gone."""
        env.running(0, 1, 2, 3)
        env.complete(*(done(task, "F") for task in range(4)))
        env.link.call("HSET", env.keys.tasks("r1"), "0", "P1,,0,,", "2", "S2,W.0,0,0,1")
        env.link.call("ZADD", env.keys.dead(), START - 1, "gone,0")
        return env

    def test_entries_of_tasks_that_no_longer_failed_are_dropped(self, listed: Environment) -> None:
        assert listed.scheduler.prune_dead_letters(0, 100) == (3, 0)
        assert list(dead(listed)) == ["r1,1", "r1,3"]

    def test_a_long_list_is_read_in_parts(self, listed: Environment) -> None:
        rank, went = 0, []
        for _ in range(3):
            dropped, rank = listed.scheduler.prune_dead_letters(rank, 2)
            went.append((dropped, rank))
        assert went == [(2, 0), (1, 1), (0, 0)]
        assert list(dead(listed)) == ["r1,1", "r1,3"]


class TestReading:
    def test_in_parts_the_newest_first(
        self, env: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flowkit.protocol.list_reads.DEAD_PART", 2)
        for at in range(5):
            env.link.call("ZADD", env.keys.dead(), START + at, f"r{at},{at}")
        parts = list(env.client.read_dead(START + 1))
        assert [[run for run, _, _ in part] for part in parts] == [["r4", "r3"], ["r2", "r1"], []]
        assert parts[0][0] == ("r4", 4, START + 4)

    def test_only_failed_tasks_are_failures(self, env: Environment) -> None:
        env.running(0, 1)
        env.complete(done(0, "F", payload=ERROR), done(1))
        failure, *others = env.client.read_failures([("r1", 0), ("r1", 1), ("r1", 3), ("x", 0)])
        assert others == [None, None, None]
        assert failure is not None
        assert (failure.dag_name, failure.error, failure.record.lane) == ("etl", ERROR, "W.0")

    def test_no_call_is_made_for_an_empty_request(self, env: Environment) -> None:
        assert env.client.read_failures([]) == []
        assert env.client.result_sizes("r1", []) == []
