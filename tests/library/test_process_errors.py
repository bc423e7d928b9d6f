"""Exceptions from child processes: what comes back is what was raised, and what led to it."""

from __future__ import annotations

import json
import subprocess
import threading

import pytest

from flowkit.exceptions import TaskTimeout
from flowkit.local.processes.errors import pack_error, unpack_error


class HTTPError(Exception):
    """Its constructor makes the text: called with the text, it makes another one."""

    def __init__(self, status: int, *more: object) -> None:
        super().__init__(f"HTTP {status}", *more)
        self.status = status


class NoFile(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "no such file", path)
        self.tried = 3


class Parts(ExceptionGroup):
    pass


def there_and_back(error: BaseException) -> BaseException:
    return unpack_error(pack_error(error))


def raised(function, *args) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(404),
        NoFile("data.csv"),
        KeyError("row"),
        SystemExit(3),
        StopIteration(4),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        raised(json.loads, "{"),
        raised(__import__, "no_such_module"),
        subprocess.CalledProcessError(3, "ls"),
        TaskTimeout("load", 3.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_class_text_and_attributes_come_back(error):
    result = there_and_back(error)
    assert (type(result), str(result), result.args) == (type(error), str(error), error.args)
    assert vars(result) == vars(error)
    for name in ("code", "value", "filename", "errno", "start", "pos", "name"):
        assert getattr(result, name, None) == getattr(error, name, None)


def test_the_members_of_a_group_come_back():
    group = there_and_back(Parts("two parts", [HTTPError(404), ValueError("bad row")]))
    assert type(group) is Parts
    assert [str(error) for error in group.exceptions] == ["HTTP 404", "bad row"]


def fail_with_cause() -> None:
    try:
        raise KeyError("row")
    except KeyError as error:
        raise HTTPError(404) from error


def fail_within() -> None:
    try:
        raise KeyError("row")
    except KeyError:
        raise HTTPError(404)  # noqa: B904 - that is what is looked at


def fail_from_none() -> None:
    try:
        raise KeyError("row")
    except KeyError:
        raise HTTPError(404) from None


@pytest.mark.parametrize("function", [fail_with_cause, fail_within, fail_from_none])
def test_the_cause_chain_comes_back(function):
    error = raised(function)
    result = there_and_back(error)
    assert repr(result.__cause__) == repr(error.__cause__)
    assert repr(result.__context__) == repr(error.__context__)
    assert result.__suppress_context__ == error.__suppress_context__


def test_a_cause_that_cannot_be_sent_is_left_out():
    error = HTTPError(404)
    error.__cause__ = HTTPError(500, threading.Lock())
    result = there_and_back(error)
    assert (str(result), result.__cause__) == ("HTTP 404", None)


def test_a_chain_without_an_end_is_cut():
    error: BaseException = HTTPError(0)
    for number in range(1, 2000):
        further = HTTPError(number)
        further.__cause__, error = error, further
    result: BaseException | None = there_and_back(error)
    length = 0
    while result is not None:
        result, length = result.__cause__, length + 1
    assert 5 < length < 20
