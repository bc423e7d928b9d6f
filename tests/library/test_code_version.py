"""The version of a function's code: whatever can be called has one, and other code has another."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flowkit import task
from flowkit.codec.packing import CodecError
from flowkit.definition.code_version import code_version


def holding(value: object) -> Callable[[], object]:
    """Return a function whose closure holds a value."""
    return lambda: value


def one(x: int) -> int:
    return x + 1


def two(x: int) -> int:
    return x + 2


class Scale:
    """An object that is called."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: int) -> int:
        return self.factor * x

    def method(self, x: int) -> int:
        return self(x)


class Plain:
    pass


NOTHING = object()


def cached(func: Callable[..., Any]) -> Any:
    return functools.cache(func)


DIFFERENT: dict[str, tuple[Any, Any]] = {
    "functions": (one, two),
    "constants": (lambda: 1, lambda: 1.0),
    "sets of constants": (lambda x: x in {1, 2}, lambda x: x in {1, 3}),
    "names": (lambda x: x.real, lambda x: x.imag),
    "parameters": (lambda x, y: 1, lambda x, *, y: 1),
    "defaults": (lambda x=1: x, lambda x=2: x),
    "keyword defaults": (lambda *, x=1: x, lambda *, x=2: x),
    "names of keyword defaults": (lambda *, x=1, y: 0, lambda *, x, y=1: 0),
    "inner functions": (lambda: lambda: 1, lambda: lambda: 2),
    "closures": (holding(1), holding(2)),
    "closures over functions": (holding(one), holding(two)),
    "closures over modules": (holding(json), holding(sys)),
    "closures over classes": (holding(Scale), holding(Plain)),
    "closures over built-ins": (holding(len), holding(abs)),
    "closures over tasks": (holding(task(name="a")(one)), holding(task(name="a")(two))),
    "partials": (functools.partial(one, 1), functools.partial(one, 2)),
    "partials by name": (functools.partial(one, x=1), functools.partial(two, x=1)),
    "functools.cache": (cached(one), cached(two)),
    "functools.wraps": (functools.wraps(one)(holding(one)), functools.wraps(one)(holding(two))),
    "objects": (Scale(1), Scale(2)),
    "built-ins": (len, abs),
    "bound built-ins": ([1].append, [2].append),
    "async": (lambda: 1, None),
}


async def coroutine() -> int:
    return 1


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different_behavior_has_a_different_version(pair: tuple[Any, Any]) -> None:
    first, second = pair[0], coroutine if pair[1] is None else pair[1]
    assert code_version(first) != code_version(second)
    assert code_version(first) == code_version(first)


SAME: dict[str, tuple[Any, Any]] = {
    "the same made twice": (holding({1, "a"}), holding({"a", 1})),
    "objects": (Scale(3), Scale(3)),
    "partials": (functools.partial(one, x=1), functools.partial(one, x=1)),
    "names of functions": (lambda x: x + 1, one),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME.keys())
def test_the_same_behavior_has_the_same_version(pair: tuple[Any, Any]) -> None:
    assert code_version(pair[0]) == code_version(pair[1])


def test_a_function_that_calls_itself_has_a_version() -> None:
    def make(step: int) -> Callable[[int], int]:
        def down(x: int) -> int:
            return 0 if x <= 0 else down(x - step)

        return down

    assert code_version(make(1)) == code_version(make(1)) != code_version(make(2))


def test_a_variable_of_a_closure_may_have_no_value_yet() -> None:
    def make(early: bool) -> Any:
        def reads() -> object:
            return later

        if early:
            version = code_version(reads)
        later = 1
        return version if early else code_version(reads)

    assert make(True) != make(False)


def test_closure_values_count_as_they_were_first() -> None:
    """A list that a function fills is no change of its code."""
    seen: list[int] = []

    def note() -> None:
        seen.append(1)

    first = code_version(note)
    note()
    assert code_version(note) == first


@pytest.mark.parametrize(
    ("func", "path"),
    [
        (holding(object()), r"\(closure of holding.<locals>.<lambda>\)\.value: "),
        (holding([1, object()]), r"\(closure of .*\)\.value\[1\]: "),
        (lambda x=NOTHING: x, r"\(defaults of .*<lambda>\)\[0\]: "),
        (functools.partial(one, object()), r"\(arguments of function\)\[0\]: "),
        (Scale(object()), r"function\.factor: "),  # type: ignore[arg-type]
    ],
)
def test_a_value_without_a_digest_is_named(func: Any, path: str) -> None:
    with pytest.raises(CodecError, match=rf"^{path}<class 'object'>"):
        code_version(func)


def test_methods_have_a_version_with_what_they_are_bound_to() -> None:
    assert code_version(Scale(1).method) == code_version(Scale(1).method)
    assert code_version(Scale(1).method) != code_version(Scale(2).method)


def test_watching_the_code_run_changes_nothing(tmp_path: Any) -> None:
    """Interpreters rewrite byte code when it is traced and when it is hot."""
    path = tmp_path / "watched.py"
    path.write_text(
        "import sys\n"
        "from flowkit.definition.code_version import _known, code_version\n"
        "def work(n):\n"
        "    total = 0\n"
        "    for i in range(n):\n"
        "        total += i\n"
        "    return total\n"
        "print(code_version(work))\n"
        "for _ in range(3000): work(10)\n"
        "_known.clear()\n"
        "print(code_version(work))\n"
        "sys.settrace(lambda *about: None)\n"
        "work(10)\n"
        "_known.clear()\n"
        "print(code_version(work))\n"
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == 3
    assert len(set(done.stdout.split())) == 1
