"""Annotations that plainly contradict each other are reported, and no others."""

from __future__ import annotations

import abc
import enum
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, Protocol, TypedDict, TypeVar

import numpy as np
import pytest

from flowkit import DAG, StateManager, Task, TaskCache, task
from flowkit.definition.plain_types import classes_of, contradict, plain_types
from flowkit.exceptions import DAGError


class Row(TypedDict):
    number: int


class Point(NamedTuple):
    x: int


class Animal: ...


class Cat(Animal): ...


class Dog(Animal): ...


class Robot: ...


class CatRobot(Cat, Robot): ...


class Named(Protocol):
    name: str


class Source(abc.ABC):
    @abc.abstractmethod
    def read(self) -> str: ...


class Registered(abc.ABC):  # noqa: B024
    """Has no abstract methods, and takes int for one of its own."""


Registered.register(int)


class Meta(type): ...


class WithMeta(metaclass=Meta): ...


class Unknown(Any): ...


class Color(enum.Enum):
    RED = 1


class Word(str, enum.Enum):  # noqa: UP042
    YES = "yes"


UserId = NewType("UserId", int)
Item = TypeVar("Item")
Alias = list[int] | None


@pytest.mark.parametrize(
    ("result", "parameter"),
    [
        (int, str),
        (str, int),
        (float, int),
        (bool, str),
        (None, int),
        (None, str),
        (str, bytes),
        (str, Path),
        (dict, list),
        (list[int], str),
        (list[int], dict[str, int]),
        (int | None, str),
        (int | float, str | bytes),
        (Literal["a", "b"], int),
        (Literal[1], str),
        (Annotated[int, "meta"], str),
        (Cat, Dog),
        (Color, str),
        (date, str),
        (tuple[int, int], list[int]),
        (Point, int),
        (type[int], int),
        (np.ndarray, list),
        (Row, Point),
    ],
)
def test_plain_contradictions(result, parameter):
    assert contradict(classes_of(result), classes_of(parameter))


@pytest.mark.parametrize(
    ("result", "parameter"),
    [
        (int, int),
        (int, float),
        (int, complex),
        (float, complex),
        (bool, int),
        (bool, float),
        (int, bool),
        (object, int),
        (Any, int),
        (int, Any),
        (int, object),
        (int, Named),
        (Source, int),
        (int, Source),
        (int, Registered),
        (int, Iterable[int]),
        (list[int], Sequence[str]),
        (Iterator[int], list[int]),
        (Mapping[str, int], dict[str, int]),
        (list[int], list[str]),
        (int | str, str),
        (str, int | str),
        (int | None, int),
        (str | None, None),
        (int | Any, str),
        (Animal, Cat),
        (Cat, Animal),
        (Cat, Robot),  # a CatRobot is both
        (Animal, Robot | None),
        (dict[str, int], Row | list),
        (UserId, str),
        (str, UserId),
        (Item, str),
        (list[Item], list[str]),
        (str, Item),
        (WithMeta, str),
        (Unknown, str),
        (str, Unknown),
        (Word, str),
        (dict[str, int], Row),
        (Row, dict[str, int]),
        (tuple[int, int], Point),
        (datetime, date),
        (date, datetime),
        (Decimal, float),
        (Fraction, float),
        (np.int64, int),
        (np.float32, float),
        (bytearray, bytes),
        (Path, os.PathLike),
        (Callable[[int], str], int),
        ("not resolved", int),
    ],
)
def test_what_is_not_plain_is_left_to_type_checkers(result, parameter):
    given, taken = classes_of(result), classes_of(parameter)
    assert given is None or taken is None or not contradict(given, taken)


# -- functions ---------------------------------------------------------------------------------


def of(source: str) -> Any:
    """Return the plain types of the function ``f`` in a source."""
    names: dict[str, Any] = {}
    exec(compile(source, "source", "exec", dont_inherit=True), names)
    return plain_types(names["f"])


def test_annotations_are_read_by_position():
    types = of("def f(a: int, /, b: 'str', c, *rest: float, key: bytes) -> list[int]: ...")
    assert types.parameters == ({int}, {str}, None)
    assert [types.parameter(at) for at in (0, 3, 9)] == [{int}, {float}, {float}]
    assert types.result == {list}
    assert [types.text_of(at) for at in (0, 1, 5)] == ["a: int", "b: str", "*rest: float"]


def test_a_default_of_none_allows_none():
    types = of("def f(a: int, b: str = None, c: str = ''): ...")
    assert types.parameters == ({int}, {str, type(None)}, {str})


def test_a_name_that_cannot_be_resolved_leaves_the_others():
    types = of("def f(a: 'Missing', b: 'int', c: '1/0', d: 'list[Missing]') -> 'str': ...")
    assert (types.parameters, types.result) == ((None, {int}, None, None), {str})


@pytest.mark.parametrize("func", [print, int, len, lambda x: x, Path.exists, "text".upper])
def test_functions_without_annotations_of_their_own_are_unknown(func):
    types = plain_types(func)
    assert (types.parameters, types.rest, types.result) == ((), None, None)


def test_decorated_functions_are_unknown():
    @TaskCache(StateManager())
    def f(a: int) -> str:
        return str(a)

    assert plain_types(f) == plain_types(print)


# -- DAGs --------------------------------------------------------------------------------------


@task
def count() -> int:
    return 3


@task
def shout(text: str) -> str:
    return text.upper()


@task
def total(*numbers: int) -> int:
    return sum(numbers)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    result = [
        record
        for record in caplog.records
        if getattr(record, "event", "") == "result_type_mismatch"
    ]
    return [item.getMessage() for item in result]


def fresh(*tasks: Task) -> list[Task]:
    """New tasks of the same functions: a contradiction is logged once for two functions."""
    return [task(item.func) for item in tasks]


def test_a_contradiction_is_logged_once(caplog):
    first, second = fresh(count, shout)
    with DAG("a") as dag:
        first >> second
    dag.compile()
    with pytest.raises(AttributeError):
        dag.run()
    with DAG("again") as again:
        first >> second
    again.compile()
    assert warnings_of(caplog) == [
        "Task 'shout' of DAG 'a' gets the result of 'count', which returns int, as its parameter "
        "'text: str'. No conversion takes place between tasks: correct an annotation or the edge. "
        "DAG(check_types=True) makes this an error"
    ]


@pytest.mark.promise("dag-27")
def test_with_check_types_it_is_an_error_before_anything_runs(caplog):
    with DAG("a", check_types=True) as dag:
        count >> shout >> total
    for refused in (dag.compile, dag.run, lambda: dag.run("process"), dag.check_params):
        with pytest.raises(DAGError) as caught:
            refused()
        assert "gets the result of 'count', which returns int" in str(caught.value)
        assert (
            "gets the result of 'shout', which returns str, as its parameter '*numbers: int'"
            in (str(caught.value))
        )
    assert warnings_of(caplog) == []


def test_check_types_must_be_a_bool():
    with pytest.raises(TypeError, match="DAG 'a': check_types must be a bool, not 1"):
        DAG("a", check_types=1)


def test_a_result_of_none_suggests_an_order_edge():
    @task
    def setup() -> None: ...

    with DAG("a", check_types=True) as dag:
        setup >> shout
    with pytest.raises(DAGError, match=r"if only the order matters, shout\.after\(setup\)\."):
        dag.indexed()
    with DAG("b", check_types=True) as dag:
        shout.bind(text="a").after(setup)
    assert dag.run() == {"setup": None, "shout_2": "A"}


def test_many_contradictions_are_counted():
    with DAG("many", check_types=True) as dag:
        for number in range(15):
            new = task(name=f"shout_{number}")(lambda text: text)
            new.func.__annotations__["text"] = str
            count >> new
    with pytest.raises(DAGError, match="There are 5 more like this"):
        dag.indexed()


def test_each_result_is_compared_with_its_own_parameter(caplog):
    @task
    def both(number: int, text: str) -> str:
        return text * number

    with DAG("right", check_types=True) as dag:
        [count, shout.bind("word", text="a")] >> both
    assert dag.run()["both"] == "AAA"
    with DAG("wrong", check_types=True) as dag:
        [shout.bind("word", text="a"), count] >> both
    with pytest.raises(DAGError, match=r"'number: int'.* 'text: str'"):
        dag.indexed()


def test_async_tasks_pass_what_they_return():
    @task
    async def later() -> str:
        return "a"

    with DAG("right", check_types=True) as dag:
        later >> shout
    assert dag.run()["shout"] == "A"
    with DAG("wrong", check_types=True) as dag:
        later >> total
    with pytest.raises(DAGError, match="which returns str"):
        dag.indexed()


def test_hooks_and_fixed_arguments_are_not_compared():
    def alert(event: str) -> None: ...

    failing = task(on_failure=alert)(shout.func)
    with DAG("hooked", check_types=True) as dag:
        failing.bind("fixed", text="a")
    dag.add(failing.bind("other", text="b"))
    dag.indexed()
