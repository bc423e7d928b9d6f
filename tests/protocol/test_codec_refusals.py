"""What cannot be stored is refused: where it sits, what it is, and what to return instead."""

from __future__ import annotations

import socket
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass, make_dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import Enum, Flag
from types import MappingProxyType
from typing import Any, NamedTuple

import msgpack
import pytest

from flowkit.codec.packing import (
    MAX_DEPTH,
    CodecError,
    UnpackableValue,
    ValueTooLarge,
    pack,
    unpack,
)


@dataclass
class Record:
    owner: Any
    size: int = 0


@dataclass
class LateBase:
    a: int


class Undeclared(LateBase):
    __slots__ = ("secret",)


@dataclass
class Listing(list[int]):
    a: int = 0


@dataclass(slots=True)
class Sparse:
    a: int
    b: int


@dataclass
class Moody:
    value: int

    def __getattribute__(self, name: str) -> Any:
        if name == "value":
            raise OSError("no value today")
        return super().__getattribute__(name)


class Named(NamedTuple):
    first: Any


Renamed = namedtuple("Misnamed", "a")


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Mapping(dict[str, int]):
    pass


class Zone(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        return timedelta(hours=1)


class Mode(Flag):
    A = 1


class Pydanticish:
    def model_dump(self) -> dict[str, int]:
        return {}


class Attributes(dict[str, int]):
    """As scikit-learn's Bunch: keys are attributes, and what is none is a KeyError."""

    def __getattr__(self, name: str) -> int:
        return self[name]


class Attrsish:
    __attrs_attrs__ = ()


class NoModule:
    pass


NoModule.__module__ = None  # type: ignore[assignment]


def refused(value: Any, **options: Any) -> UnpackableValue:
    with pytest.raises(UnpackableValue) as caught:
        pack(value, **options)
    return caught.value


def generator() -> Iterator[int]:
    yield 1


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (generator(), "<class 'generator'> cannot be stored. Return list(value)."),
        (iter([1]), "Return list(value)."),
        (range(2**64), "is a range with a bound beyond 64 bits and cannot be stored."),
        ({}.keys(), "Return list(value)."),
        (deque([1]), "<class 'collections.deque'> cannot be stored. Return list(value)."),
        (defaultdict(list), "<class 'collections.defaultdict'> cannot be stored. Return dict(va"),
        (Counter("a"), "Return dict(value)."),
        (Mapping(), "Return dict(value)."),
        (MappingProxyType({}), "Return dict(value)."),
        (Text("a"), "Text'> cannot be stored. Return str(value)."),
        (Number(1), "Number'> cannot be stored. Return int(value)."),
        (memoryview(b"x"), "<class 'memoryview'> cannot be stored. Return bytes(value)."),
        (sys.version_info, "Return tuple(value)."),
        (ValueError("x"), "<class 'ValueError'> cannot be stored. Raise it, or return its text"),
        (generator, "<class 'function'> cannot be stored. Return its name"),
        (Record, "<class 'type'> cannot be stored. Return its name"),
        (sys, "<class 'module'> cannot be stored. Return its name"),
        (object(), "<class 'object'> cannot be stored. Return plain data: numbers, text"),
        (threading.Lock(), "Return plain data"),
        (sys.__stdout__, "Close it and return its path."),
        (Pydanticish(), "Return value.model_dump()."),
        (Attributes(a=1), "Attributes'> cannot be stored. Return dict(value)."),
        (Attrsish(), "Return attrs.asdict(value)."),
        (msgpack.ExtType(32, b""), "ExtType'> cannot be stored. Return tuple(value)."),
        (msgpack.Timestamp(1), "Timestamp'> cannot be stored. Return plain data"),
        (datetime(2024, 1, 1, tzinfo=Zone()), "Zone, which cannot be stored. Use a zoneinfo"),
        (time(1, tzinfo=Zone()), "has a time zone of"),
        (NoModule(), "cannot be stored. Return plain data"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_refusals_say_what_to_return_instead(value: Any, text: str) -> None:
    fault = refused(value)
    assert str(fault).startswith("result: <class '")
    assert text in str(fault)
    assert fault.path == "result"
    # The same answer from inside a container, where msgpack has its own ideas of some types.
    assert text in str(refused([{"a": (value,)}]))
    assert refused([{"a": (value,)}]).path == "result[0]['a'][0]"


def test_a_coroutine_was_not_awaited() -> None:
    waiting = coroutine()
    assert "Await it and return what it gives." in str(refused(waiting))
    waiting.close()


def test_the_path_points_to_the_fault() -> None:
    with socket.socket() as connection:
        value = {"rows": [1, 2, 3, Record(connection)]}
        fault = refused(value)
        assert str(fault) == (
            "result['rows'][3].owner: <class 'socket.socket'> cannot be stored. Return plain "
            "data: numbers, text, bytes, lists, dicts, dataclasses of these. For something open "
            "(a file, a connection), return the path or address and open it again."
        )
        assert fault.path == "result['rows'][3].owner"
        assert fault.type_name == "socket.socket"
        assert isinstance(fault, CodecError)


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda bad: [0, bad], "params[1]"),
        (lambda bad: (0, [bad]), "params[1][0]"),
        (lambda bad: {"a": {2: bad}}, "params['a'][2]"),
        (lambda bad: OrderedDict(a=bad), "params['a']"),
        (lambda bad: Named(Record(bad)), "params.first.owner"),
        (lambda bad: {1, bad}, "params.<element <fault>>"),
        (lambda bad: frozenset([(bad,)]), "params.<element (<fault>,)>[0]"),
        (lambda bad: {(1, bad): 2}, "params.<key (1, <fault>)>[1]"),
        (lambda bad: {"a\n\x1b": bad}, "params['a\\n\\x1b']"),
        (lambda bad: [bytearray(b"x"), (bytearray(b"y"), bad)], "params[1][1]"),
    ],
)
def test_paths_through_each_container(wrap: Any, path: str) -> None:
    class Fault:
        def __repr__(self) -> str:
            return "<fault>"

    assert refused(wrap(Fault()), root="params").path == path


def test_the_first_of_many_faults_is_named() -> None:
    shared = [1, (2, 3)]
    assert (
        refused([shared, shared, {"x": shared, "y": object()}, object()]).path == "result[2]['y']"
    )


def local_class() -> Any:
    @dataclass
    class Hidden:
        a: int

    return Hidden(1)


def shadowed() -> Any:
    namesake: Any = make_dataclass("Record", ["a"])
    namesake.__module__ = __name__
    return namesake(1)


def with_extra() -> Any:
    record = Record(1)
    record.note = "kept nowhere"  # type: ignore[attr-defined]
    return record


def half_set() -> Any:
    sparse = Sparse(1, 2)
    del sparse.b
    return sparse


def slotted() -> Any:
    value = Undeclared(1)
    value.secret = 2  # type: ignore[attr-defined]
    return value


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (local_class, f"no class is found as '{__name__}:local_class.<locals>.Hidden'"),
        (local_class, "Define the class at the top level of a module, under its own name."),
        (shadowed, f"no class is found as '{__name__}:Record'"),
        (lambda: Renamed(1), f"no class is found as '{__name__}:Misnamed'"),
        (lambda: Enum("Quick", "A").A, "no class is found as"),  # type: ignore[attr-defined]
        (with_extra, "its attribute 'note' is not a field and would be lost"),
        (slotted, "its slot 'secret' is not a field and would be lost"),
        (half_set, "its field 'b' is not set"),
        (lambda: Listing(), "it inherits from a class that has its own value"),
        (lambda: tuple.__new__(Named, (1, 2)), "it does not hold one item per field"),
        (lambda: Moody(1), "no value today"),
    ],
)
def test_classes_that_could_not_be_rebuilt(make: Any, text: str) -> None:
    assert text in str(refused(make()))


def test_a_member_made_up_at_run_time() -> None:
    impostor = object.__new__(Mode)
    impostor._value_ = 8
    impostor._name_ = None  # type: ignore[assignment]
    assert "it is not a member of its enum. Return its value." in str(refused(impostor))


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: {"k": items[0]}])
def test_one_level_too_deep(wrap: Any) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 1):
        value = wrap([value])
    fault = refused(value)
    assert f"is nested deeper than {MAX_DEPTH} levels. Flatten the value" in str(fault)
    assert len(str(fault)) < 700


def test_absurd_depth_is_refused_without_recursion() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert "is nested deeper than" in str(refused(value))
    while value:  # taken apart by hand: the interpreter would do it recursively
        value = value.pop()


@pytest.mark.slow
def test_values_that_contain_themselves() -> None:
    ring: list[Any] = [1]
    ring.append({"again": ring})
    fault = refused(ring)
    assert str(fault) == (
        "result[1]['again']: <class 'list'> contains itself. Return a value without cycles."
    )
    bush: list[Any] = []
    bush.extend([bush] * 10)
    assert "contains itself" in str(refused(bush))


def test_too_large_names_the_largest_part() -> None:
    value = {"meta": [1, 2], "rows": [b"small", {"blob": b"x" * 3000}]}
    with pytest.raises(ValueTooLarge) as caught:
        pack(value, max_bytes=2048)
    error = caught.value
    assert error.largest == "result['rows'][1]['blob']"
    assert error.limit == 2048
    assert error.size >= 3000
    assert str(error).startswith("result is too large to be stored: 2.9 KiB, and the limit is 2.0")
    assert str(error).endswith(
        "Its largest part is result['rows'][1]['blob'] (2.9 KiB). Write it to a file or an object "
        "store and return its path, or raise the limit (FLOWKIT_MAX_RESULT_BYTES, for all clients "
        "and workers)."
    )


def test_too_large_as_a_whole() -> None:
    with pytest.raises(ValueTooLarge) as caught:
        pack([b"x" * 100] * 40, max_bytes=2000)
    assert caught.value.largest == "result"
    assert "None of its parts is much larger than the others." in str(caught.value)


@pytest.mark.parametrize("value", ["x" * 100, b"x" * 100, list(range(100)), 2**800])
def test_too_large_in_one_piece(value: object) -> None:
    with pytest.raises(ValueTooLarge, match="params is too large") as caught:
        pack(value, max_bytes=50, root="params")
    assert "the limit is 50 bytes. Write it to a file" in str(caught.value)


def test_the_limit_is_exact() -> None:
    value = [1.5] * 100
    size = len(pack(value))
    assert unpack(pack(value, max_bytes=size)) == value
    with pytest.raises(ValueTooLarge):
        pack(value, max_bytes=size - 1)


def test_shared_parts_cannot_blow_up() -> None:
    value: list[Any] = ["x"]
    for _ in range(90):
        value = [value, value]
    with pytest.raises(ValueTooLarge, match=r"TiB"):
        pack(value, max_bytes=100_000)
    with pytest.raises(ValueTooLarge):
        pack(["x" * 10_000] * 10_000, max_bytes=1_000_000)


def test_a_fault_in_a_value_that_is_also_too_large() -> None:
    assert refused([b"x" * 100, object()], max_bytes=50).path == "result[1]"


def test_packing_works_after_a_refusal() -> None:
    refused([1, (2, object())])
    assert unpack(pack([1, (2, 3)])) == [1, (2, 3)]
