"""What is running is read from the claims of live workers, whatever else lies there."""

from __future__ import annotations

import pytest
from environment import HOUR_MS, LIST, Environment

from flowkit.protocol import running_reads


def test_the_tasks_that_the_lanes_hold_are_those_that_run(env: Environment) -> None:
    env.ready(0, 1, 2, lanes=("W.0", "W.0a", "W.1"))
    env.submit("r10", 2)
    env.queue(0, run="r10")
    assert env.client.read_lanes() == (["W.0", "W.0a", "W.1"], True)
    lanes, _ = env.client.read_lanes()
    assert env.client.read_claimed("r1", lanes) == []
    env.claim("W.0", 1)
    env.claim("W.1", 9)
    assert sorted(env.client.read_claimed("r1", lanes)) == [0, 1, 2]
    assert env.client.read_claimed("r10", lanes) == [0], "r1 is another run"
    assert env.client.read_claimed("r1", ["W.0"]) == [0]
    assert env.client.read_claimed("r1", []) == []


def test_a_worker_whose_lease_is_over_runs_nothing(env: Environment) -> None:
    env.register()
    env.now += HOUR_MS
    assert env.client.read_lanes() == ([], True)


def test_damage_is_left_out(env: Environment) -> None:
    env.running(0)
    env.register("V", ("V.0",))
    for worker, lanes in (("A", "A.0 B.0 \x1b[2J A.x"), ("L", ""), (b"\xff", "x.0")):
        env.link.call("ZADD", env.keys.workers(), 10**14, worker)
        name = worker if isinstance(worker, str) else "x"
        env.link.call("HSET", env.keys.worker(name), "lanes", lanes)
    env.link.call("HSET", env.keys.claims("W.0"), "r1,x", "1", "r1,99999999", "1", "r1,", "1")
    env.link.call("DEL", env.keys.claims("V.0"))
    env.link.call("SET", env.keys.claims("V.0"), "no hash")
    lanes, _ = env.client.read_lanes()
    assert sorted(lanes) == ["A.0", "V.0", "W.0"]
    assert env.client.read_claimed("r1", lanes) == [0]
    env.link.call("DEL", env.keys.claims("V.0"))


def test_reads_are_bounded(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    env.ready(0, 1, 2, lanes=("W.0", "W.1"))
    monkeypatch.setattr(running_reads, "MOST_LANES", 1)
    assert env.client.read_lanes() == (["W.0"], False)
    monkeypatch.setattr(running_reads, "MOST_CLAIMS", 2)
    env.worker.complete("W.0", [], 1, 9, 1, [LIST])
    assert env.client.read_claimed("r1", ["W.0"]) == [], "a lane with that many is not one of ours"
