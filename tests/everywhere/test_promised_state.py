"""What docs/promises.md says about all stores of state: in memory, in a file, on Redis.

What holds for one of them alone stands in tests/library and tests/protocol.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from helpers import Hands, wait_until

from flowkit import DAG, StateManager, Task, TaskCache, task
from flowkit.state import RedisStateManager, StateStore

promise = pytest.mark.promise
SERVERS = {"fakeredis": "fake_server", "redis-server": "redis_server"}
STORES = ["memory", "file", *SERVERS]
SOON_S = 0.02
Store = StateManager | RedisStateManager
Make = Callable[..., Store]


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    return str(request.param)


@pytest.fixture
def hands(kind: str, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock. That of a Redis goes by itself, the embedded one's too, which is in here."""
    hands = Hands()
    if kind not in SERVERS:
        monkeypatch.setattr(time, "time", hands)
    return hands


@pytest.fixture
def make(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make a manager of this kind. ``options``: those that all kinds have."""
    server = request.getfixturevalue(SERVERS[kind]) if kind in SERVERS else None
    path = tmp_path / "state.json" if kind == "file" else None
    with ExitStack() as opened:

        def make(**options: Any) -> Store:
            if server is None:
                return StateManager(path, **options)
            namespace = request.getfixturevalue("namespace")
            return opened.enter_context(RedisStateManager(server.url, namespace, **options))

        yield make


@pytest.fixture
def state(make: Make) -> Store:
    return make()


@pytest.fixture
def other(kind: str, make: Make, state: Store) -> Store:
    """A second manager of the same store, as another process would have; in memory the first."""
    return state if kind == "memory" else make()


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    kept = list(Task._all_tasks)
    yield
    Task._all_tasks[:] = kept


def let_expire(state: Store, hands: Hands, key: str) -> None:
    """Let ``SOON_S`` go by since ``key`` was set."""
    hands.now += SOON_S
    wait_until(f"{key!r} has expired", lambda: not state.has(key))


# -- values ------------------------------------------------------------------------------------


@promise("state-2")
def test_the_last_value_that_was_set_is_returned(state: Store) -> None:
    state.set("key", 1)
    state.set("key", {"rows": [1, 2.5, True]})
    assert state.get("key") == {"rows": [1, 2.5, True]}
    assert state.get("key", "default") == {"rows": [1, 2.5, True]}
    assert state.has("key")


@promise("state-2")
def test_a_missing_key_gives_the_default(state: Store) -> None:
    assert state.get("key") is None
    assert state.get("key", 7) == 7
    assert not state.has("key")
    assert state.get_metadata("key") is None


@promise("state-3")
def test_none_is_a_value_and_any_text_a_key(state: Store) -> None:
    keys = ["", "a/b", "a:b", "*", "{x}", "ä\n", "\ud800"]
    for key in keys:
        state.set(key, None)
    assert state.get_all() == dict.fromkeys(keys)
    assert all(state.has(key) and state.get(key, 1) is None for key in keys)
    assert [state.delete(key) for key in keys] == [True] * len(keys)


@promise("state-4")
def test_delete_returns_whether_the_key_existed(state: Store, hands: Hands) -> None:
    state.set("key", 1)
    assert state.delete("key") is True
    assert not state.has("key")
    assert state.delete("key") is False
    state.set("key", 1, ttl=SOON_S)
    let_expire(state, hands, "key")
    assert state.delete("key") is False


@promise("state-4")
def test_clear_removes_everything(state: Store) -> None:
    state.set("a", 1)
    state.set("b", 2)
    state.clear()
    assert state.get_all() == {}
    assert not state.has("a")


# -- time --------------------------------------------------------------------------------------


@promise("state-5")
def test_an_entry_exists_until_its_ttl_expires(state: Store, hands: Hands) -> None:
    state.set("short", 1, ttl=SOON_S, metadata={"source": "api"})
    state.set("long", 2, ttl=1000)
    state.set("kept", 3)
    let_expire(state, hands, "short")
    assert state.get("short", "gone") == "gone"
    assert state.get_metadata("short") is None
    assert state.get_all() == {"long": 2, "kept": 3}


@promise("state-5")
@pytest.mark.parametrize("ttl", [0, -0.5, -1, -math.inf])
def test_a_ttl_of_zero_or_less_expires_immediately(state: Store, hands: Hands, ttl: float) -> None:
    state.set("key", 1)
    state.set("key", 2, ttl=ttl)
    hands.now -= 1000  # not even a clock that goes back wakes it
    assert not state.has("key")
    assert state.get_all() == {}


@promise("state-6")
def test_the_default_ttl_applies_unless_another_is_given(make: Make, hands: Hands) -> None:
    state = make(default_ttl=SOON_S)
    state.set("longer", 2, ttl=1000)
    state.set("forever", 3, ttl=math.inf)
    state.set("default", 1)
    let_expire(state, hands, "default")
    assert state.get_all() == {"longer": 2, "forever": 3}
    hands.now += 1e9
    assert state.has("forever")


@promise("state-7")
def test_invalidate_expired_drops_and_names_expired_entries(state: Store, hands: Hands) -> None:
    state.set("a", 1, ttl=SOON_S)
    state.set("b", 2, ttl=0)
    state.set("c", 3)
    state.set("d", 4, ttl=1000)
    let_expire(state, hands, "a")
    assert sorted(state.invalidate_expired()) == ["a", "b"]
    assert state.invalidate_expired() == []
    assert state.get_all() == {"c": 3, "d": 4}


@promise("state-8")
def test_metadata_are_the_user_s_fields_and_timestamp_and_age(state: Store, hands: Hands) -> None:
    state.set("key", 1, metadata={"source": "api", "day": date(2026, 1, 2)})
    hands.now += 2.5
    result: Any = state.get_metadata("key")
    assert (result.pop("source"), result.pop("day")) == ("api", date(2026, 1, 2))
    assert result.keys() == {"timestamp", "age"}
    if isinstance(state, StateManager):
        assert result == {"timestamp": hands.now - 2.5, "age": 2.5}
    else:
        assert result["timestamp"] > 1_700_000_000
        assert 0 <= result["age"] < 60


# -- what is built on them ---------------------------------------------------------------------


@promise("state-13", "state-15")
def test_a_cached_call_is_made_once(state: Store, other: Store) -> None:
    assert isinstance(state, StateStore)
    calls: list[object] = []

    def count(words: frozenset[str] = frozenset()) -> int:
        calls.append(words)
        return len(words)

    first, second = TaskCache(state, ttl=100)(count), TaskCache(other)(count)
    ab, ba = frozenset({"a", "b"}), frozenset({"b", "a"})
    assert [first(), first(ab), second(ba), second()] == [0, 2, 2, 0]
    assert calls == [frozenset(), ab]
    bare, digested = sorted(state.get_all())
    assert bare == "count"
    assert digested.startswith("count:")


@promise("state-16", "state-17", "state-15")
def test_a_run_is_recorded_and_resumed(state: Store, other: Store) -> None:
    calls: list[str] = []

    @task
    def rows() -> list[int]:
        calls.append("rows")
        return [1, 2]

    @task
    def total(found: list[int]) -> int:
        calls.append("total")
        assert state.get("sums/rows") == [1, 2]
        if calls.count("total") == 1:
            raise RuntimeError("not yet")
        return sum(found)

    with DAG("sums") as dag:
        rows >> total
    with pytest.raises(RuntimeError, match="not yet"):
        dag.run(state=state)
    assert dag.run(state=other, resume=True) == {"rows": [1, 2], "total": 3}
    assert calls == ["rows", "total", "total"]
