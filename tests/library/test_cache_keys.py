"""What a cached call is kept under: code and arguments, or what ``cache_key`` makes of these; and
what is said where there is no such thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cached import CALLS, alone, calls, listed, number, warnings

from flowkit import DAG, Task, task
from flowkit.local.cache import clear_cache


@pytest.fixture(autouse=True)
def nothing_cached() -> Iterator[None]:
    CALLS.clear()
    clear_cache()
    yield
    clear_cache()


# -- what tells calls apart ---------------------------------------------------------------------


def test_arguments_from_everywhere_tell_calls_apart() -> None:
    def run(value: int, suffix: str, param: str) -> None:
        def made(*values: Any, suffix: str = "", param: str = "") -> list[Any]:
            CALLS.append((*values, suffix, param))
            return [*values]

        made.__qualname__ = "made"
        with DAG("etl") as dag:
            task(number).bind(value=value) >> task(cache_ttl=60)(made).bind(suffix=suffix)
        dag.run(params={"param": param})

    for arguments in [(1, "s", "p"), (2, "s", "p"), (1, "t", "p"), (1, "s", "q")] * 2:
        run(*arguments)
    made = [call for call in calls() if call[0] != "number"]  # type: ignore[index]
    assert made == [(1, "s", "p"), (2, "s", "p"), (1, "t", "p"), (1, "s", "q")]


def test_parameters_that_the_task_does_not_take_are_ignored() -> None:
    with DAG("etl") as dag:
        dag.add(task(cache_ttl=60)(number))
        dag.add(task(name="other")(lambda day: day))
    for day in (1, 2):
        assert dag.run(params={"day": day, "value": 7}) == {"number": 7, "other": day}
    assert calls() == [("number", 7)]


def test_arguments_of_different_types_differ() -> None:
    made = task(cache_ttl=60)(listed)
    for value in (1, 1.0, True, "1", b"1", [1], (1,), None):
        with DAG("etl") as dag:
            task(name="source")(lambda value: value) >> made
        dag.run(params={"value": value})
    assert len(calls()) == 8


def named(func: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function stand where others stood before, as an edited file does."""
    func.__qualname__ = "edited"
    return func


def test_edited_code_differs_and_moved_code_does_not() -> None:
    def first(x: int = 1) -> int:
        CALLS.append("first")
        return x + 1

    def second(x: int = 1) -> int:
        CALLS.append("second")
        return x + 2

    def default(x: int = 2) -> int:
        CALLS.append("first")
        return x + 1

    def inner(x: int = 1) -> Any:
        CALLS.append("inner")
        return [2 * x for x in range(3)]

    def other_inner(x: int = 1) -> Any:
        CALLS.append("other inner")
        return [2 * x for x in range(4)]

    # Neither its place nor its name nor this comment is part of what it does.
    def moved(x: int = 1) -> int:
        CALLS.append("first")  # as above
        return x + 1

    for func in (first, second, default, inner, other_inner, moved, first):
        alone(task(name="edited", cache_ttl=60)(named(func))).run()
    assert calls() == ["first", "second", "first", "inner", "other inner"]


def test_closure_values_are_part_of_the_code() -> None:
    def make(factor: int, helper: Callable[[int], int]) -> Task:
        def scaled() -> int:
            CALLS.append(factor)
            return helper(factor)

        return task(cache_ttl=60)(scaled)

    def same(x: int) -> int:
        return x

    def double(x: int) -> int:
        return 2 * x

    results = [
        alone(make(factor, helper)).run()["scaled"]
        for factor, helper in [(1, same), (2, same), (1, double), (1, same)]
    ]
    assert results == [1, 2, 2, 1]
    assert calls() == [1, 2, 1]


def test_a_decorator_does_not_hide_the_code_behind_it() -> None:
    from functools import wraps

    def decorated(func: Callable[[], Any]) -> Callable[[], Any]:
        @wraps(func)
        def wrapper() -> Any:
            CALLS.append("called")
            return func()

        return named(wrapper)

    dags = [
        alone(task(name="edited", cache_ttl=60)(decorated(func)))
        for func in (lambda: "one", lambda: "two")
    ]
    assert [dag.run()["edited"] for dag in dags * 2] == ["one", "two", "one", "two"]
    assert len(calls()) == 2


def test_a_cache_key_stands_for_the_arguments() -> None:
    made = task(cache_ttl=60, cache_key=lambda row, **more: row["id"])(listed)

    def run(row: Mapping[str, object], suffix: str = "") -> Any:
        with DAG("etl") as dag:
            task(name="source")(lambda row: row) >> made.bind("made", suffix=suffix)
        return dag.run(params={"row": row})["made"]

    first = {"id": 7, "read_at": 1}
    assert run(first) == run({"id": 7, "read_at": 2}) == run({"id": 7}, "other") == [first, ""]
    assert run({"id": 8}) == [{"id": 8}, ""]
    assert len(calls()) == 2


# -- what has no entry --------------------------------------------------------------------------


def test_an_argument_without_a_digest_is_named_and_the_task_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dag = DAG("etl")
    with dag:
        task(name="source")(lambda: {"ok": 1, "lock": [object()]}) >> [
            task(cache_ttl=60)(listed).bind("one"),
            task(cache_ttl=60)(listed).bind("two"),
        ]
    for _ in range(2):
        assert len(dag.run(max_workers=1)) == 3
        said = warnings(capsys)
        assert len(said) == 2, "one of each task and run"
        assert said[0].startswith("one: an argument has no digest: args[0]['lock'][0]: <class 'obj")
    assert len(calls()) == 4


def test_an_argument_is_named_as_the_function_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("etl") as dag:
        task(name="source")(lambda: object()) >> task(name="use", cache_ttl=60)(lambda handle: None)
    dag.run()
    assert warnings(capsys)[0].startswith(
        "use: an argument has no digest: handle: <class 'object'>"
    )


def test_a_cache_key_helps_where_an_argument_has_no_digest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with DAG("etl") as dag:
        task(name="source")(lambda: object()) >> task(
            name="use", cache_ttl=60, cache_key=lambda handle: "the one"
        )(lambda handle: CALLS.append("use"))
    for _ in range(2):
        dag.run()
    assert calls() == ["use"]
    assert warnings(capsys) == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (lambda value: 1 / 0, "its cache_key raised ZeroDivisionError: division by zero"),
        (lambda: 1, "its cache_key raised TypeError"),
        (lambda value: object(), "what its cache_key returned has no digest: cache_key(…): <class"),
    ],
)
def test_a_failing_cache_key_is_reported(
    key: Callable[..., object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dag = alone(task(cache_ttl=60, cache_key=key)(number))
    for _ in range(2):
        assert dag.run(params={"value": 5}) == {"number": 5}
    first, second = warnings(capsys)
    assert first.startswith(f"number: {said}")
    assert second.startswith(f"number: {said}")
    assert len(calls()) == 2


def test_code_without_a_version_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    handle = object()
    dag = alone(task(name="use", cache_ttl=60)(lambda: CALLS.append(handle is None)))
    for _ in range(2):
        dag.run()
    assert re.match(
        r"use: the version of its code is unknown: \(closure of .*\)\.handle: <class 'object'>",
        warnings(capsys)[0],
    )
    assert len(calls()) == 2


def test_a_result_that_cannot_be_cached_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    dag = alone(task(name="open", cache_ttl=60)(lambda: object()))
    for _ in range(2):
        assert type(dag.run()["open"]) is object
    said = warnings(capsys)
    assert len(said) == 2
    assert said[0].startswith("open: ")
