"""Asking all shards at once: none that hangs is waited for longer than all are given."""

from __future__ import annotations

import threading

import pytest

from flowkit.configuration.shards import Shard, shards_of
from flowkit.exceptions import RedisUnavailable, UnfitRedis
from flowkit.protocol.ask_all import ask_at_once

SHARDS = shards_of("redis://a redis://:secret@b redis://c", "flowkit")


def test_the_answers_come_in_order() -> None:
    def ask(shard: Shard) -> str:
        if shard.position == 1:
            raise RedisUnavailable("away")
        return shard.url

    first, away, last = ask_at_once(ask, SHARDS, 20)
    assert (first, str(away), last) == ("redis://a", "away", "redis://c")


def test_a_hanging_call_is_abandoned() -> None:
    """However it hangs: in a name server, or in one address after the other."""
    hang, threads = threading.Event(), []

    def ask(shard: Shard) -> int:
        if shard.position == 1:
            threads.append(threading.current_thread())
            hang.wait(60)
        return shard.position

    try:
        first, late, last = ask_at_once(ask, SHARDS, 0.2)
    finally:
        hang.set()
    assert (first, last) == (0, 2)
    assert isinstance(late, RedisUnavailable)
    assert str(late).startswith("cannot use Redis at redis://:***@b: no answer within 0.2 s. ")
    assert threads[0].daemon, "or the program could not end before it"


def test_the_error_of_one_call_is_raised() -> None:
    def ask(shard: Shard) -> int:
        if shard.position:
            raise UnfitRedis(f"too old: {shard.url}")
        return 1

    with pytest.raises(UnfitRedis, match="too old: redis://:secret@b"):
        ask_at_once(ask, SHARDS, 20)
