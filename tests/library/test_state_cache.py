"""TaskCache, sentence by sentence."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flowkit import DAG, StateManager, TaskCache, task
from flowkit.codec.digests import digest
from flowkit.exceptions import IllegalValue
from flowkit.state import StateStore


class Color(Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int
    tags: frozenset[str]


class Pair(NamedTuple):
    a: int
    b: set[str]


@pytest.fixture
def state() -> StateManager:
    return StateManager()


# -- the key ------------------------------------------------------------------------------------


@pytest.mark.promise("state-13")
def test_a_call_without_arguments_is_kept_under_the_function_s_name(state: StateManager) -> None:
    calls = []

    @TaskCache(state)
    def compute() -> int:
        """Doc."""
        calls.append(1)
        return 42

    assert (compute(), compute()) == (42, 42)
    assert state.get_all() == {"compute": 42}
    assert len(calls) == 1
    assert (compute.__name__, compute.__doc__) == ("compute", "Doc.")


@pytest.mark.promise("state-13")
def test_other_calls_are_kept_under_the_name_and_a_digest_of_the_arguments(
    state: StateManager,
) -> None:
    @TaskCache(state)
    def double(x: int, *, by: int = 2) -> int:
        return x * by

    assert [double(1), double(2), double(2, by=3)] == [2, 4, 6]
    keys = list(state.get_all())
    assert len(set(keys)) == 3
    for key in keys:
        name, _, rest = key.partition(":")
        assert name == "double"
        assert len(rest) == 32


def test_how_an_argument_is_passed_makes_no_difference(state: StateManager) -> None:
    @TaskCache(state)
    def load(source: str, limit: int = 10, **options: int) -> str:
        return source

    load("a", 5, x=1, y=2)
    load(limit=5, y=2, x=1, source="a")
    load("a", limit=5, y=2, x=1)
    assert len(state.get_all()) == 1


def test_arguments_of_another_type_differ(state: StateManager) -> None:
    @TaskCache(state)
    def kind(value: Any) -> str:
        return type(value).__name__

    values = [1, 1.0, True, "1", b"1", (1,), [1], {1}, frozenset({1}), {1: 1}, None, Color.RED]
    assert [kind(value) for value in values] == [type(value).__name__ for value in values]


def test_equal_arguments_have_one_digest_whatever_the_order() -> None:
    assert digest({"a": 1, "b": {1, 2}}, "it") == digest({"b": {2, 1}, "a": 1}, "it")
    assert digest(OrderedDict(a=1, b=2), "it") != digest(OrderedDict(b=2, a=1), "it")
    assert digest([["a"], "b"], "it") != digest([["a", "b"]], "it")
    assert digest(["ab", "c"], "it") != digest(["a", "bc"], "it")


def many_words() -> list[object]:
    words = frozenset(f"word {number}" for number in range(50))
    nested = {"set": set(words), (1, words): [Point(1, words), Pair(2, set(words))], None: [[]]}
    return [words, nested]


@pytest.mark.slow
def test_a_digest_is_the_same_in_every_process() -> None:
    """Sets come in another order there: text has another hash in each process."""
    folder = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r})\n" + (
        "from test_state_cache import digest, many_words\nprint(digest(many_words(), 'it'))"
    )
    result = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(result) == 1


def test_arguments_that_cannot_be_told_apart_are_refused_by_their_path(
    state: StateManager,
) -> None:
    @TaskCache(state)
    def query(connection: object) -> int:
        return 1

    text = (
        r"TaskCache: calls of 'query' cannot be distinguished by these arguments: "
        r"arguments\['connection'\]\[0\]: <class 'object'> .* takes plain data\."
    )
    with pytest.raises(IllegalValue, match=text):
        query([object()])


def test_a_wrong_call_gets_the_function_s_own_error(state: StateManager) -> None:
    @TaskCache(state)
    def one(x: int) -> int:
        return x

    with pytest.raises(TypeError, match=r"missing 1 required positional argument|takes 1"):
        one(1, 2)
    assert state.get_all() == {}


# -- what is kept -------------------------------------------------------------------------------


def test_none_is_a_result_and_an_exception_is_not(state: StateManager) -> None:
    calls = []

    @TaskCache(state)
    def maybe(fail: bool) -> None:
        calls.append(fail)
        if fail:
            raise ValueError("no")

    for _ in range(2):
        maybe(False)
        with pytest.raises(ValueError, match="no"):
            maybe(True)
    assert calls == [False, True, True]


def test_a_result_lives_for_the_ttl(state: StateManager, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    calls = []

    @TaskCache(state, ttl=60)
    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert compute() == 1
    now[0] += 59
    assert compute() == 1
    now[0] += 1
    assert compute() == 2


@pytest.mark.promise("state-15")
def test_a_result_is_kept_across_processes_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    code = (
        "import sys\n"
        "from flowkit import StateManager, TaskCache\n"
        f"@TaskCache(StateManager({str(path)!r}))\n"
        "def compute(words): print('called'); return sorted(words)\n"
        "print(compute({'a', 'b', 'c'}))\n"
    )
    outputs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert outputs == ["called\n['a', 'b', 'c']\n", "['a', 'b', 'c']\n"]


def test_an_unreadable_stored_result_is_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cache.json"
    path.write_text('{"cache": {"compute": {"value": "broken", "packed": ["value"]}}}')

    @TaskCache(StateManager(path))
    def compute() -> int:
        return 1

    assert compute() == 1
    assert "State 'compute' cannot be read, so it is computed again" in caplog.text
    assert StateManager(path).get("compute") == 1


# -- what it goes round -------------------------------------------------------------------------


def test_an_async_function_stays_async(state: StateManager) -> None:
    calls = []

    @TaskCache(state)
    async def fetch(page: int) -> int:
        calls.append(page)
        await asyncio.sleep(0)
        return page * 10

    async def main() -> list[int]:
        return [await fetch(1), await fetch(page=1), await fetch(2)]

    assert asyncio.run(main()) == [10, 10, 20]
    assert calls == [1, 2]


@pytest.mark.parametrize("outermost", ["task", "cache"])
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_it_goes_with_task_in_either_order(
    state: StateManager, outermost: str, is_async: bool
) -> None:
    calls = []
    cached = TaskCache(state)

    def plain(rows: list[int]) -> int:
        calls.append(rows)
        return sum(rows)

    async def coroutine(rows: list[int]) -> int:
        return plain(rows)

    func = coroutine if is_async else plain

    @task
    def rows() -> list[int]:
        return [1, 2]

    total: Any = task(cached(func)) if outermost == "task" else cached(task(func))
    with DAG("sums") as dag:
        rows >> total
    assert dag.run() == dag.run() == {"rows": [1, 2], total.name: 3}
    assert calls == [[1, 2]]
    assert total.is_async is is_async


def test_a_retried_task_is_kept_when_it_succeeds(state: StateManager) -> None:
    calls = []

    @TaskCache(state)
    @task(retries=2, delay=0)
    def flaky() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not yet")
        return "done"

    assert [flaky(), flaky()] == ["done", "done"]
    assert len(calls) == 3


def test_functions_without_a_storable_result_are_refused(state: StateManager) -> None:
    def rows() -> Any:
        yield 1

    for wrong in (5, int, "text"):
        with pytest.raises(TypeError, match=r"TaskCache decorates functions, and .* is not"):
            TaskCache(state)(wrong)  # type: ignore[type-var]
    with pytest.raises(TypeError, match=r"'rows' is a generator function.*Return a list"):
        TaskCache(state)(rows)


def test_two_functions_of_one_name_in_one_store_cause_a_warning(
    state: StateManager, caplog: pytest.LogCaptureFixture
) -> None:
    class A:
        @staticmethod
        def load() -> int:
            return 1

    class B:
        @staticmethod
        def load() -> int:
            return 2

    TaskCache(state)(A.load)
    TaskCache(state)(A.load)
    TaskCache(StateManager())(B.load)
    assert caplog.records == []
    TaskCache(state)(B.load)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "store their results under one name, 'load', in one store" in warning.getMessage()


def test_functions_of_a_factory_with_other_variables_cause_a_warning(
    state: StateManager, caplog: pytest.LogCaptureFixture
) -> None:
    def scaled_by(factor: object) -> Callable[[int], object]:
        @TaskCache(state)
        def scale(value: int) -> object:
            return (factor, value)

        return scale

    two, again, open_one = scaled_by(2), scaled_by(2), scaled_by(threading.Lock())
    for same in (two, again, open_one):  # a lock cannot be compared with anything
        same(1)
    assert caplog.records == []
    three = scaled_by(3)
    for value in range(2):
        three(value)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "two versions of test_state_cache:" in warning.getMessage()
    assert "into an argument, or use two stores" in warning.getMessage()


# -- the store ----------------------------------------------------------------------------------


class DictStore:
    """A store of a user's own: no more than the protocol asks for."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, Mapping[str, Any] | None]] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, (default, None))[0]

    def set(
        self,
        key: str,
        value: Any,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.values[key] = value, metadata

    def delete(self, key: str) -> bool:
        return self.values.pop(key, None) is not None

    def get_metadata(self, key: str) -> dict[str, Any] | None:
        return dict(self.values[key][1] or {}) if key in self.values else None


def test_any_object_with_the_methods_of_a_store_will_do() -> None:
    store: StateStore = DictStore()
    calls = []

    @TaskCache(store)
    def compute() -> None:
        calls.append(1)

    compute()
    compute()
    assert len(calls) == 1

    @task
    def rows() -> list[int]:
        calls.append(1)
        return [1]

    with DAG("own") as dag:
        dag.add(rows)
    assert dag.run(state=store) == dag.run(state=store, resume=True) == {"rows": [1]}
    assert len(calls) == 2


@pytest.mark.parametrize("wrong", ["state.json", None, {}, StateManager])
def test_an_object_that_is_not_a_store_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="TaskCache takes a StateManager, a RedisStateManager, or"):
        TaskCache(wrong)


def test_a_file_name_is_refused_with_advice_how_to_make_a_store() -> None:
    with pytest.raises(TypeError, match=r"For a file: StateManager\('state.json'\)\."):
        TaskCache("state.json")  # type: ignore[arg-type]


def test_a_bad_ttl_is_refused(state: StateManager) -> None:
    with pytest.raises(TypeError, match="ttl must be a number of seconds or None, not '1h'"):
        TaskCache(state, ttl="1h")  # type: ignore[arg-type]
