"""State in Redis, with the TTLs of Redis.

What holds for all stores of state stands in tests/everywhere/test_promised_state.py.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
import redis
from helpers import free_port, wait_until

from flowkit.codec.packing import pack
from flowkit.exceptions import FlowkitError, IllegalValue, RedisUnavailable, StoreError
from flowkit.state import RedisStateManager


@pytest.fixture
def state(server_url: str, namespace: str) -> Iterator[RedisStateManager]:
    with RedisStateManager(server_url, namespace) as state:
        yield state


@pytest.mark.promise("state-15")
def test_every_process_can_read_a_value(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    state.set("key", 1)
    state.set("key", {"day": date(2026, 1, 2), "sum": Decimal("1.10"), "ids": {1, 2}})
    with RedisStateManager(server_url, namespace) as other:
        assert other.get("key") == {"day": date(2026, 1, 2), "sum": Decimal("1.10"), "ids": {1, 2}}
        assert other.has("key")


@pytest.mark.promise("state-14")
def test_ttls_are_expiries_of_redis(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    state.set("short", 1, ttl=0.02)
    state.set("long", 2, ttl=1000)
    state.set("kept", 3)
    state.set("forever", 4, ttl=math.inf)
    state.set("for ages", 5, ttl=1e15)
    wait_until("it has expired", lambda: not state.has("short"))
    assert state.get("short", "gone") == "gone"
    assert state.get_all() == {"long": 2, "kept": 3, "forever": 4, "for ages": 5}
    with redis.Redis.from_url(server_url, protocol=2) as server:
        key = f"{{{namespace}}}:state:state:"
        assert 990_000 < server.pttl(key + "long") <= 1_000_000
        assert {server.pttl(key + name) for name in ("kept", "forever", "for ages")} == {-1}


def test_setting_a_key_again_ends_its_old_ttl(state: RedisStateManager) -> None:
    state.set("key", 1, ttl=0.02, metadata={"old": True})
    state.set("key", 2)
    state.set("witness", 1, ttl=0.03)
    wait_until("the old time is over", lambda: not state.has("witness"))
    assert state.get("key") == 2
    assert state.invalidate_expired() == ["witness"]
    assert "old" not in (state.get_metadata("key") or {})


def test_clear_removes_everything_of_this_store(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    with RedisStateManager(server_url, namespace, name="other") as other:
        for number in range(1200):
            state.set(str(number), number)
        other.set("key", 1)
        assert len(state.get_all()) == 1200
        state.clear()
        assert state.get_all() == {}
        assert other.get_all() == {"key": 1}


def test_a_store_whose_keys_always_change_does_not_grow_for_ever(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    for number in range(1100):
        state.set(str(number), number, ttl=0)
    state.set("kept", 1)
    with redis.Redis.from_url(server_url, protocol=2) as server:
        assert server.zcard(f"{{{namespace}}}:state:state") <= 1001
    assert state.get_all() == {"kept": 1}


def test_an_evicted_entry_is_missing(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    state.set("gone", 1)
    state.set("kept", 2)
    with redis.Redis.from_url(server_url, protocol=2) as server:
        server.delete(f"{{{namespace}}}:state:state:gone")
    assert not state.has("gone")
    assert state.get_all() == {"kept": 2}


# -- errors -------------------------------------------------------------------------------------


def test_a_value_that_cannot_be_stored_is_refused_by_its_path(state: RedisStateManager) -> None:
    with pytest.raises(IllegalValue, match=r"State 'key' cannot be stored: value\[0\]"):
        state.set("key", [object()])
    with pytest.raises(IllegalValue, match=r"State 'key' cannot be stored: metadata\['a'\]"):
        state.set("key", 1, metadata={"a": object()})
    assert not state.has("key")


def test_a_stored_value_that_is_damaged_is_an_error_that_names_the_key(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    state.set("key", 1)
    with redis.Redis.from_url(server_url, protocol=2) as server:
        server.hset(f"{{{namespace}}}:state:state:key", "value", b"\xc1")
    with pytest.raises(IllegalValue, match="State 'key': The stored value cannot be read"):
        state.get("key")


def test_foreign_data_in_an_entry_is_an_error_naming_the_key(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    """A time of 5,000 digits, metadata that is a list or a text, and keys of another type."""
    state.set("key", 1, metadata={"a": 1})
    prefix = f"{{{namespace}}}:state:state"
    with redis.Redis.from_url(server_url, protocol=2) as server:
        for odd in (b"9" * 5000, b"-1", b"nan", b"\xff", b""):
            server.hset(f"{prefix}:key", "set", odd)
            with pytest.raises(IllegalValue, match="State 'key' is damaged in Redis: the time"):
                state.get_metadata("key")
        server.hset(f"{prefix}:key", "set", "1000")
        for fields in ([1, 2], "text", {1: 2}, None):
            server.hset(f"{prefix}:key", "metadata", pack(fields))
            with pytest.raises(
                IllegalValue, match="State 'key': the stored metadata is not a dict"
            ):
                state.get_metadata("key")
        server.hdel(f"{prefix}:key", "metadata")
        assert (state.get_metadata("key") or {})["timestamp"] == 1.0
        server.delete(f"{prefix}:key")
        server.set(f"{prefix}:key", "a text")
        for read in (state.get_all, lambda: state.get("key"), lambda: state.get_metadata("key")):
            with pytest.raises(IllegalValue, match=r"State 'key' is damaged in Redis: .*WRONGTYPE"):
                read()
        state.set("key", 2)
        assert state.get_all() == {"key": 2}
        server.delete(prefix)
        server.set(prefix, "a text")
        with pytest.raises(StoreError, match="state:state' of a state store is damaged"):
            state.get_all()
        server.delete(prefix)


def test_a_name_that_is_not_text_is_escaped(
    state: RedisStateManager, server_url: str, namespace: str
) -> None:
    prefix = f"{{{namespace}}}:state:state"
    state.set("half \ud800", 1)
    with redis.Redis.from_url(server_url, protocol=2) as server:
        server.zadd(prefix, {b"\xff": 0, b"\xfe": 1})
        server.hset(prefix.encode() + b":\xff", mapping={"value": pack(5), "set": 1})
    assert state.get_all() == {"half \ud800": 1, "\\xff": 5}
    assert state.invalidate_expired() == ["\\xfe"]
    state.clear()
    assert state.get_all() == {}


def test_bad_arguments_are_named(state: RedisStateManager, server_url: str) -> None:
    wrong: Any = 5
    for method in (state.get, state.has, state.delete, state.get_metadata):
        with pytest.raises(TypeError, match="The key of a state must be a string, not 5"):
            method(wrong)
    with pytest.raises(ValueError, match="'a:b' is not a valid name of a state store: use 1 to 64"):
        RedisStateManager(server_url, name="a:b")
    with pytest.raises(TypeError, match="default_ttl must be a number"):
        RedisStateManager(server_url, default_ttl=wrong == 5)


def test_without_a_url_it_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWKIT_REDIS_URL", raising=False)
    with pytest.raises(FlowkitError, match="no Redis URL is set: give url='redis://"):
        RedisStateManager()


def test_it_is_made_without_redis_and_its_repr_keeps_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flowkit.state.redis.PATIENCE_S", 0.0)
    port = free_port()
    state = RedisStateManager(f"redis://user:secret@127.0.0.1:{port}/0", "ns", "cache")
    shown = f"'redis://user:***@127.0.0.1:{port}/0', namespace='ns', name='cache'"
    assert repr(state) == f"RedisStateManager({shown})"
    with pytest.raises(RedisUnavailable, match="Is it running"):
        state.get("key")


# -- shared -------------------------------------------------------------------------------------


def test_threads_may_share_a_manager(state: RedisStateManager) -> None:
    def work(thread: int) -> None:
        for number in range(30):
            state.set(f"{thread}-{number}", [thread, number])
            result.append(state.get(f"{thread}-{number}") == [thread, number])

    result: list[bool] = []
    threads = [Thread(target=work, args=(thread,)) for thread in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert result == [True] * 150
    assert len(state.get_all()) == 150


def test_a_forked_process_has_a_connection_of_its_own(state: RedisStateManager) -> None:
    """Two processes on one connection would read each other's replies."""
    state.set("parent", os.getpid())

    def child() -> None:
        for number in range(50):
            state.set("child", number)
            assert state.get("child") == number

    process = multiprocessing.get_context("fork").Process(target=child)
    with state._lock.get():  # as another thread of the parent might
        process.start()
    for _ in range(50):
        assert state.get("parent") == os.getpid()
    process.join(30)
    assert process.exitcode == 0
    assert state.get("child") == 49
