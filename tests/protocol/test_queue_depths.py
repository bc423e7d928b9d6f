"""What a client reads of the queues: how much waits, since when, and for which function."""

from __future__ import annotations

from collections import Counter

import pytest
from environment import HOUR_MS, LIST, START, Environment

from flowkit.protocol import queue_reads
from flowkit.protocol.outcomes import Outcome, OutcomeCode, Retry

FUNCTION = "f" * 16


def waiting(env: Environment) -> dict[str, dict[str, int]]:
    return {name: dict(depth.levels) for name, depth in env.client.read_depths().queues.items()}


def test_it_counts_each_level_of_each_queue_with_backlogs(env: Environment) -> None:
    env.ready(0, 1)
    env.queue(2, list_="mail", level="9")
    env.queue(3, list_="mail~async")
    env.submit("big", 6)
    env.apply("line", "big", LIST, "7", "", 6, *range(6))
    assert waiting(env) == {LIST: {"5": 2, "7": 6}, "mail": {"9": 1, "5": 1}}
    env.claim()
    assert waiting(env) == {LIST: {}, "mail": {"9": 1, "5": 1}}, "a queue that is empty now"


def test_it_counts_what_waits_for_a_function_and_names_one_of_them(env: Environment) -> None:
    env.ready(0, 1, 2)
    env.claim(limit=2)
    env.worker.register_app("a" * 16, ["b" * 16], lease_ms=HOUR_MS)
    env.worker.release("W.0", [f"r1,0@{FUNCTION}", f"r1,1@{FUNCTION}"])
    depths = env.client.read_depths()
    functions = depths.queues[LIST].functions
    total = sum(depths.queues[LIST].levels.values()) + (depths.delayed or Counter())[LIST]
    assert total == 3
    for function, number, (run, task) in functions:
        assert (function, run) == (FUNCTION, "r1")
        assert number == 2
        assert task in (0, 1)


def test_it_counts_retries_by_queue(env: Environment) -> None:
    env.running(0, 1)
    retries = [
        Outcome("r1", task, 1, OutcomeCode.RETRY, retry=Retry(1000, "mail~async", "5"))
        for task in (0, 1)
    ]
    env.complete(*retries)
    assert env.client.read_depths().delayed == {"mail": 2}


def test_the_oldest_is_the_first_of_all_lists(env: Environment) -> None:
    env.ready(0)
    env.now += 500
    env.submit("later", 4)
    env.queue(0, run="later", level="9")
    env.queue(1, run="later", list_="mail")
    queues = env.client.read_depths().queues
    assert (queues[LIST].oldest_ms, queues["mail"].oldest_ms) == (START, START + 500)


def test_a_time_that_is_not_recorded_is_unknown(env: Environment) -> None:
    """By a release that does not record it, or by another program."""
    env.ready(0)
    for record in ("Q1,,,,", "R1,W.0,,5,,1", "banana", "Q1,,,,,zz", "x" * 100_000):
        env.link.call("HSET", env.keys.tasks("r1"), 0, record)
        assert env.client.read_depths().queues[LIST].oldest_ms is None
    env.link.call("HSET", env.keys.run("r1"), "submitted", "9" * 15)
    env.link.call("HSET", env.keys.tasks("r1"), 0, "Q1,,,,,1")
    assert env.client.read_depths().queues[LIST].oldest_ms is None


def test_reads_are_bounded(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    env.ready(0, 1)
    assert not env.client.read_depths().cut_short
    env.queue(2, level="9")
    monkeypatch.setattr(queue_reads, "MOST_LISTS", 1)
    depths = env.client.read_depths()
    assert depths.cut_short
    assert sum(depths.queues[LIST].levels.values()) in (1, 2)
    assert len(env.client.list_depths()) == 1


def test_damaged_lists_do_not_end_it(env: Environment) -> None:
    env.ready(0)
    keys, call = env.keys, env.link.call
    call("HSET", keys.levels(), "wrong type", "5", "hash", "5", "\x1b[2J", "5", "odd", "banana")
    call("HSET", keys.ready("hash", "5"), "a", "b")
    call("RPUSH", keys.ready(LIST, "9"), "not an entry", "\xff", "r1,0,1,extra")
    call("HSET", keys.levels(), LIST, "95")
    call("ZADD", keys.delayed(), 1, "banana", 2, "r1,0,1,mail,5", 3, "r1,0,1,\x1b,5")
    depths = env.client.read_depths()
    assert depths.queues[LIST].levels == {"9": 3, "5": 1}
    assert depths.queues["hash"].levels == {}
    assert depths.delayed == {"mail": 1}
    call("DEL", keys.delayed())
    call("RPUSH", keys.delayed(), "x")
    assert env.client.read_depths().delayed == {}
    call("DEL", keys.delayed(), keys.ready("hash", "5"))
