"""What a client reads to tell whether a namespace and its server are healthy."""

from __future__ import annotations

from pathlib import Path

import pytest
from environment import HOUR_MS, Environment
from real_redis import RealRedis

from flowkit.exceptions import RedisUnavailable
from flowkit.protocol.client_store import ClientStore
from flowkit.protocol.link import Link
from flowkit.protocol.server_facts import read_facts, read_used_memory


def test_the_leader_and_what_is_left_of_its_lease(env: Environment) -> None:
    assert env.client.read_leader() is None
    env.acquire_lease(5000)
    leader = env.client.read_leader()
    assert leader is not None
    assert (leader.scheduler, leader.term, leader.left_ms) == ("s1", 1, 5000)
    for damaged in ("", "x", "s1,x,5", "s1,1,x", "1" * 100_000):
        env.link.call("SET", env.keys.leader(), damaged)
        assert env.client.read_leader() is None
    env.link.call("DEL", env.keys.leader())


def test_the_lag_is_what_the_scheduler_has_not_applied(env: Environment) -> None:
    assert env.client.read_lag() == 0
    env.submit("r1")
    env.submit("r2")
    assert env.client.read_lag() == 2, "no scheduler has ever led"
    env.acquire_lease(HOUR_MS)
    events = env.link.call("XRANGE", env.keys.events(), "-", "+")
    env.apply(cursor=events[0][0].decode())
    assert env.client.read_lag() == 1
    env.apply(cursor=events[1][0].decode())
    assert env.client.read_lag() == 0


def test_what_was_set_aside_is_counted(env: Environment) -> None:
    assert (env.client.count_dead(), env.client.count_quarantined()) == (0, 0)
    env.link.call("ZADD", env.keys.dead(), 1, "r1,0", 2, "r1,1")
    env.link.call("LPUSH", env.keys.quarantine(), "x")
    assert (env.client.count_dead(), env.client.count_quarantined()) == (2, 1)
    env.link.call("DEL", env.keys.dead(), env.keys.quarantine())


def test_keys_of_a_wrong_type_are_unknown(env: Environment) -> None:
    wrong = (env.keys.dead(), env.keys.quarantine(), env.keys.events(), env.keys.leader())
    for key in wrong:
        env.link.call("HSET", key, "a", "b")
    assert env.client.count_dead() is env.client.count_quarantined() is None
    assert env.client.read_lag() is env.client.read_leader() is None
    env.link.call("DEL", *wrong)


def test_trying_to_write_changes_nothing(env: Environment) -> None:
    env.submit("r1")
    assert env.changed_by(env.client.check_writes) == {}


def test_a_full_server_refuses_to_be_written_to(tmp_path: Path) -> None:
    redis = RealRedis(tmp_path).start()
    link = Link(redis.url)
    store = ClientStore(link, "full")
    try:
        store.check_writes()
        facts = read_facts(link)
        assert facts is not None
        assert (facts.policy, facts.limit, facts.aof, facts.is_replica) == (
            "noeviction",
            0,
            False,
            False,
        )
        assert (facts.version or "")[0].isdigit()
        assert (read_used_memory(link) or 0) > 100_000
        link.call("CONFIG", "SET", "maxmemory", "1mb")
        with pytest.raises(RedisUnavailable, match="maxmemory"):
            store.check_writes()
        facts = read_facts(link)
        assert facts is not None
        assert facts.limit == 2**20
    finally:
        link.close()
        redis.kill()


def test_the_embedded_server_tells_no_facts(env: Environment) -> None:
    if read_facts(env.link) is None:
        assert read_used_memory(env.link) is None
