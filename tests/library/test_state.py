"""StateManager in memory and with a file.

What holds for all stores of state stands in tests/everywhere/test_promised_state.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from unittest.mock import patch

import pytest
from helpers import Hands

from flowkit.exceptions import IllegalValue, StateError
from flowkit.state import StateManager, StateStore


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(time, "time", hands)
    return hands


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "state.json" if request.param == "file" else None


@pytest.fixture
def state(path: Path | None) -> StateManager:
    return StateManager(path)


# -- time ---------------------------------------------------------------------------------------


def test_an_entry_lives_until_its_ttl_is_over(state: StateManager, hands: Hands) -> None:
    state.set("key", 1, ttl=60)
    hands.now += 59.9
    assert state.get("key") == 1
    hands.now += 0.1
    assert state.get("key") is None
    assert not state.has("key")
    assert state.get_metadata("key") is None


@pytest.mark.promise("state-9")
def test_time_is_read_with_time_time(path: Path | None) -> None:
    with patch("flowkit.state.time.time", return_value=1000.125):
        state = StateManager(path)
        state.set("key", 1, ttl=5)
        assert state.get_metadata("key") == {"timestamp": 1000.125, "age": 0.0}
    assert not state.has("key")


def test_setting_a_key_again_restarts_its_ttl(state: StateManager, hands: Hands) -> None:
    state.set("key", 1, ttl=10)
    hands.now += 8
    state.set("key", 2)
    hands.now += 8
    assert state.get("key") == 2


def test_a_store_whose_keys_always_change_does_not_grow_for_ever(hands: Hands) -> None:
    state = StateManager(default_ttl=1)
    for number in range(5000):
        hands.now += 0.125
        state.set(f"key-{number}", number)
    assert len(state._memory) < 2100
    assert len(state.get_all()) == 8


# -- metadata -----------------------------------------------------------------------------------


def test_metadata_are_copied(state: StateManager) -> None:
    fields = {"source": "api"}
    state.set("key", 1, metadata=fields)
    fields["source"] = "changed"
    result = state.get_metadata("key")
    assert result is not None
    assert result["source"] == "api"


# -- bad arguments ------------------------------------------------------------------------------


def call(state: StateManager, **arguments: Any) -> None:
    state.set(**{"key": "k", "value": 1, **arguments})


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"key": 5}, TypeError, r"The key of a state must be a string, not 5\."),
        ({"ttl": "5"}, TypeError, r"ttl must be a number of seconds or None, not '5'\."),
        ({"ttl": True}, TypeError, r"ttl must be a number of seconds or None, not True\."),
        ({"ttl": math.nan}, ValueError, r"ttl must be a number of seconds or None, not nan\."),
        ({"metadata": [1]}, TypeError, r"The metadata of state 'k' must be a dict .* not \[1\]\."),
        ({"metadata": {1: 1}}, TypeError, r"must be a dict with strings as keys"),
        ({"metadata": {"age": 1}}, ValueError, r"'k' cannot have a field 'age'.*another name\."),
    ],
)
def test_a_bad_argument_is_named(
    state: StateManager, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        call(state, **arguments)
    assert state.get_all() == {}


def test_keys_are_checked_when_reading_too(state: StateManager) -> None:
    for method in (state.get, state.has, state.delete, state.get_metadata):
        with pytest.raises(TypeError, match="The key of a state must be a string, not 5"):
            method(5)  # type: ignore[arg-type]


def test_a_bad_default_ttl_is_named() -> None:
    with pytest.raises(TypeError, match="default_ttl must be a number of seconds or None"):
        StateManager(default_ttl="1h")  # type: ignore[arg-type]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"is a folder. Give the name of a file in it"):
        StateManager(tmp_path)


# -- the rest -----------------------------------------------------------------------------------


@pytest.mark.promise("state-18")
def test_repr_says_where_and_how_many(state: StateManager, path: Path | None, hands: Hands) -> None:
    state.set("a", 1)
    state.set("b", 2, ttl=1)
    hands.now += 1
    where = "in-memory" if path is None else "state.json"
    assert repr(state) == f"StateManager({where}, cached_items=1)"


@pytest.mark.promise("state-18")
def test_storage_path_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert StateManager(str(path)).storage_path == path
    assert isinstance(StateManager(str(path)).storage_path, Path)
    assert StateManager().storage_path is None


class Report:
    """An object of a class that no file can keep."""

    def __init__(self) -> None:
        self.lines = [1]


def test_stored_values_are_copies(state: StateManager) -> None:
    """Neither the one that has set it nor one that has read it can change what others read."""
    rows = [1, {"a": [2]}]
    state.set("key", rows, metadata={"tags": ["x"]})
    rows.append(3)
    state.get("key")[1]["a"].append(4)
    state.get_all()["key"].append(5)
    about = state.get_metadata("key")
    assert about is not None
    about["tags"].append("y")
    assert state.get("key") == [1, {"a": [2]}]
    assert (state.get_metadata("key") or {})["tags"] == ["x"]


def test_in_memory_objects_of_any_class_are_copied() -> None:
    state, report = StateManager(), Report()
    state.set("key", report)
    report.lines.append(2)
    state.get("key").lines.append(3)
    assert (type(state.get("key")), state.get("key").lines) == (Report, [1])


@pytest.mark.parametrize("value", [object(), Lock()], ids=["sentinel", "lock"])
def test_in_memory_uncopyable_values_are_stored_as_they_are(value: object) -> None:
    state = StateManager()
    state.set("key", value)
    assert state.get("key") is value


def test_a_value_that_no_file_can_hold_is_refused_by_its_path(tmp_path: Path) -> None:
    state = StateManager(tmp_path / "state.json")
    state.set("key", "before")
    with pytest.raises(IllegalValue, match=r"State 'key' cannot be stored: value\['a'\]\[1\]"):
        state.set("key", {"a": [1, object()]})
    assert state.get("key") == "before"


def test_a_batch_is_seen_by_its_own_thread_and_kept_when_it_fails(state: StateManager) -> None:
    def fail() -> None:
        with state.batch():
            state.set("a", 1)
            assert state.get("a") == 1
            assert state.delete("a") is True
            state.set("b", 2)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert state.get_all() == {"b": 2}


def test_threads_may_share_a_manager(state: StateManager) -> None:
    """Each thread sets keys of its own and one of all, while it reads; nothing is lost."""
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(20):
                state.set(f"{thread}-{number}", number)
                state.set("shared", thread)
                assert state.get(f"{thread}-{number}") == number
                assert state.get_all()["shared"] in range(6)
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=work, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(state.get_all()) == 6 * 20 + 1


def test_a_state_manager_is_a_state_store(state: StateManager) -> None:
    assert isinstance(state, StateStore)


def stores() -> Iterator[type]:
    from flowkit.state import RedisStateManager

    yield from (StateManager, RedisStateManager)


@pytest.mark.promise("state-14")
def test_both_managers_have_the_same_methods() -> None:
    own = {"batch", "close", "storage_path", "url", "namespace", "name", "default_ttl"}
    first, second = ({name for name in dir(kind) if name[0] != "_"} - own for kind in stores())
    assert first == second
