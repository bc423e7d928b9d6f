"""Bytes that are no value: `unpack` says `BrokenValue`, runs nothing and imports nothing."""

from __future__ import annotations

import importlib.util
import sys
import types
from contextlib import suppress
from dataclasses import dataclass, make_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, Flag
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import msgpack
import pytest
from hypothesis import strategies as st
from samples import sampled

from flowkit.codec.packing import MAX_DEPTH, BrokenValue, pack, unpack
from flowkit.codec.wire import HEADS, Code


class Colour(Enum):
    RED = 1


class Rights(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any


class Row(NamedTuple):
    a: Any
    b: Any


class Plain:
    pass


HERE = __name__


def head(code: Code, *items: Any) -> Any:
    return [HEADS[code], *items]


def raw(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return packed


def broken(data: bytes, **options: Any) -> str:
    with pytest.raises(BrokenValue) as caught:
        unpack(data, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x92\x01",
        b"\x01\x02",
        b"\xa1\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x81\x90\x01",
        raw(msgpack.Timestamp(1)),
        raw([msgpack.Timestamp(1)]),
        b"\xc7\x02\xff\x00\x00",  # msgpack's own timestamp, cut short
        raw(HEADS[Code.TUPLE]),
        raw([1, HEADS[Code.TUPLE]]),
        raw({"a": HEADS[Code.SET]}),
        b"\x81\xc7\x00\x21\x01",  # a head as a key
        raw(head(Code.TUPLE, HEADS[Code.SET])),
        raw(head(Code.DATACLASS, f"{HERE}:Point", "x", HEADS[Code.SET], "y", 1)),
        raw(msgpack.ExtType(int(Code.TUPLE), b"x")),
        raw(msgpack.ExtType(int(Code.COMPLEX), b"x")),
        raw(msgpack.ExtType(int(Code.DECIMAL), b"one")),
        raw(msgpack.ExtType(int(Code.UUID), b"short")),
        raw(msgpack.ExtType(int(Code.PATH), b"?x")),
        raw(msgpack.ExtType(int(Code.PATH), b"W/on posix")),
        raw(head(Code.SET, 1, 1)),
        raw(head(Code.SET, [1])),
        raw(head(Code.ORDERED_DICT, 1)),
        raw(head(Code.ORDERED_DICT, 1, 2, 1, 3)),
        raw(head(Code.DATE)),
        raw(head(Code.DATE, 2024, 13, 1)),
        raw(head(Code.DATETIME, 2024, 1, 1)),
        raw(head(Code.DATETIME, 2024, 1, 1, 0, 0, 0, 0, 2)),
        raw(head(Code.DATETIME, 2024, 1, 1, 0, 0, 0, 0, 0, "../../etc/passwd")),
        raw(head(Code.DATETIME, 2024, 1, 1, 0, 0, 0, 0, 0, "Europe")),
        raw(head(Code.DATETIME, 2024, 1, 1, 0, 0, 0, 0, 0, 10**15)),
        raw(head(Code.TIME, 1, 2)),
        raw(head(Code.TIMEDELTA, 1)),
        raw(head(Code.TIMEDELTA, 10**18, 0, 0)),
        raw(head(Code.ENUM)),
        raw(head(Code.ENUM, 5, "RED")),
        raw(head(Code.ENUM, f"{HERE}:Colour")),
        raw(head(Code.ENUM, f"{HERE}:Colour", "RED", "RED")),
        raw(head(Code.ENUM, f"{HERE}:Colour", ["RED"])),
        raw(head(Code.DATACLASS)),
        raw(head(Code.DATACLASS, f"{HERE}:Point", "x")),
        raw(head(Code.DATACLASS, f"{HERE}:Point", "x", 1, "x", 2, "y", 3)),
        raw(head(Code.DATACLASS, f"{HERE}:Point", 1, 1, 2, 2)),
        raw({"k": [{"deep": HEADS[Code.TUPLE]}]}),
    ],
)
def test_malformed_bytes(data: bytes) -> None:
    for lenient in (False, True):
        assert broken(data, lenient=lenient).startswith("The stored value cannot be read: ")


def test_unknown_extensions_are_named() -> None:
    text = broken(raw(msgpack.ExtType(99, b"")))
    assert "extension code 99, which this version of flowkit does not know" in text


def test_unknown_time_zone() -> None:
    text = broken(raw(head(Code.DATETIME, 2024, 1, 1, 0, 0, 0, 0, 0, "Mars/Olympus")))
    assert "time zone 'Mars/Olympus' is unknown on this machine; install the tzdata" in text


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: [inner],
        lambda inner: {"k": inner},
        lambda inner: head(Code.TUPLE, inner),
        lambda inner: head(Code.ORDERED_DICT, "k", inner),
        lambda inner: head(Code.DATACLASS, f"{HERE}:Point", "x", inner, "y", 1),
        lambda inner: head(Code.DATACLASS, "unknown:Class", "x", inner),
    ],
)
def test_depth_is_capped_across_extensions(wrap: Any) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = wrap(value)
    unpack(raw(value), lenient=True)
    assert f"deeper than {MAX_DEPTH} levels" in broken(raw(wrap(value)), lenient=True)


def test_absurd_depth() -> None:
    assert broken(b"\x91" * 100_000 + b"\x01")
    assert broken((b"\x92" + raw(HEADS[Code.TUPLE])) * 100_000 + b"\x01")


def test_size_is_capped() -> None:
    data = pack("x" * 2000)
    assert unpack(data, max_bytes=len(data)) == "x" * 2000
    text = broken(data, max_bytes=len(data) - 1)
    assert text == (
        "The stored value is 1.9 KiB, and the limit for reading is 1.9 KiB. Raise the limit: "
        "FLOWKIT_MAX_RESULT_BYTES."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (head(Code.DATACLASS, "os:system"), "the class 'os:system' is not loaded"),
        (head(Code.DATACLASS, "no.such.module:X"), "is not loaded in this process; define it"),
        (head(Code.DATACLASS, f"{HERE}:"), "is not loaded"),
        (head(Code.DATACLASS, f"{HERE}:sys.modules"), "is not loaded"),
        (head(Code.DATACLASS, f"{HERE}:Plain"), "Plain' is not a dataclass"),
        (head(Code.DATACLASS, "builtins:type"), "'builtins:type' is not a dataclass"),
        (head(Code.DATACLASS, f"{HERE}:Colour"), "Colour' is not a dataclass"),
        (head(Code.NAMED_TUPLE, f"{HERE}:Point"), "Point' is not a named tuple"),
        (head(Code.NAMED_TUPLE, "builtins:tuple"), "'builtins:tuple' is not a named tuple"),
        (head(Code.ENUM, f"{HERE}:Point", "x"), "Point' is not an Enum"),
        (head(Code.ENUM, f"{HERE}:Colour", "BLUE"), "no longer has a member 'BLUE'"),
        (
            head(Code.DATACLASS, f"{HERE}:Point", "x", 1, "z", 2),
            "Point' has changed since the value was stored: it now has 'y', it no longer has 'z'",
        ),
        (head(Code.NAMED_TUPLE, f"{HERE}:Row", "a", 1), "has changed since the value was stored"),
    ],
)
def test_classes_are_checked(value: Any, text: str) -> None:
    assert text in broken(raw(value))


def test_looking_up_a_class_imports_nothing_and_runs_no_hook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touched: list[str] = []

    def hook(name: str) -> Any:
        touched.append(name)
        return Point

    lazy = types.ModuleType("lazy_module")
    lazy.__getattr__ = hook  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "lazy_module", lazy)
    unloaded = "this"  # a module of the standard library that prints when it is imported
    assert importlib.util.find_spec(unloaded) is not None
    before = set(sys.modules)
    for label in ("lazy_module:Point", f"{unloaded}:s", "xml.etree.cElementTree:X", "os.path:X"):
        assert "is not loaded" in broken(raw(head(Code.DATACLASS, label, "x", 1, "y", 2)))
    assert touched == []
    assert set(sys.modules) == before


def test_a_class_is_found_only_while_its_module_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("other_module")
    made: Any = make_dataclass("Made", ["a"])
    made.__module__ = "other_module"
    module.Made = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "other_module", module)
    data = pack([made(1)])
    assert unpack(data) == [made(1)]
    monkeypatch.delitem(sys.modules, "other_module")
    assert "the class 'other_module:Made' is not loaded" in broken(data)


def test_lenient_reading_shows_values_that_it_cannot_rebuild() -> None:
    data = raw(
        [
            head(
                Code.DATACLASS, "app:Order", "id", 7, "state", head(Code.ENUM, "app:State", "NEW")
            ),
            head(Code.NAMED_TUPLE, "app:Pair", "left", 1),
            head(Code.ENUM, "app:Rights", "READ", "WRITE"),
            head(Code.ENUM, "app:Rights"),
            head(Code.DATACLASS, f"{HERE}:Point", "x", 1, "y", 2),
        ]
    )
    assert unpack(data, lenient=True) == [
        {"id": 7, "state": "State.NEW"},
        {"left": 1},
        "Rights.READ|WRITE",
        "Rights.0",
        Point(1, 2),
    ]
    assert "'app:State' is not loaded" in broken(data)


def test_lenient_reading_of_unknown_records_in_sets_and_keys() -> None:
    record = head(Code.DATACLASS, "app:Key", "id", 7)
    data = raw(head(Code.SET, record))
    (shown,) = unpack(data, lenient=True)  # type: ignore[misc]
    assert shown == {"id": 7}
    assert isinstance(shown, dict)


SAMPLE = [
    {"a": (1, 2.5, None), (1, "k"): {1, 2}, "t": datetime(2024, 1, 1, tzinfo=UTC)},
    [Point(1, [Row("a", b"b")]), Colour.RED, Rights.READ | Rights.WRITE],
    (Decimal("1.5"), UUID(int=3), PurePosixPath("a"), 2**70, 1j, bytearray(b"x"), "\ud800"),
]


def typed_sample() -> bytes:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    stamp = pd.Timestamp("2024-01-01", tz="UTC")
    return pack([*SAMPLE, np.arange(3), np.float32(1), frame, frame["a"], stamp])


SAMPLE_BYTES = typed_sample()


def read_or_broken(data: bytes) -> None:
    for lenient in (False, True):
        with suppress(BrokenValue):
            unpack(data, lenient=lenient)


@sampled(st.binary(max_size=200), few=200, many=1000)
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    read_or_broken(data)


@sampled(st.data(), few=200, many=1000)
def test_mutated_values_raise_nothing_else(data: st.DataObject) -> None:
    mutated = bytearray(SAMPLE_BYTES)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                mutated[place] = data.draw(st.integers(0, 255))
            case "cut":
                del mutated[place : place + data.draw(st.integers(1, 4))]
            case _:
                mutated[place:place] = data.draw(st.binary(max_size=4))
    read_or_broken(bytes(mutated))


CHANGES = (0x00, 0x7F, 0x80, 0x90, 0xC0, 0xC7, 0xD4, 0xFF)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_every_place_of_a_value_can_break(every: int) -> None:
    """Each byte is changed: in a default run to a third of the values, another third each place."""
    for place, byte in enumerate(SAMPLE_BYTES):
        for value in [*CHANGES, byte ^ 1][place % every :: every]:
            read_or_broken(SAMPLE_BYTES[:place] + bytes([value]) + SAMPLE_BYTES[place + 1 :])


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.sampled_from(["", "RED", "x", "U", "C", "<i8", "|b1", "ns", "str", "Europe/Paris"]),
    st.sampled_from([f"{HERE}:{name}" for name in ("Point", "Row", "Colour", "Rights", "Plain")]),
    st.binary(max_size=16),
)
forged_trees = st.recursive(
    scalars,
    lambda inner: st.builds(
        lambda code, items: head(code, *items), st.sampled_from(list(HEADS)), st.lists(inner)
    ),
    max_leaves=12,
)


@sampled(forged_trees, few=200, many=1000)
def test_forged_heads_raise_nothing_else(tree: Any) -> None:
    read_or_broken(raw(tree))
