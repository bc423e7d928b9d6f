"""What goes in comes out: same types, equal values, for every builtin and user-defined type."""

from __future__ import annotations

import math
import threading
import zoneinfo
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.codec.packing import MAX_DEPTH, pack, unpack

T = TypeVar("T")
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


class Colour(Enum):
    RED = 1
    GREEN = ("a", "tuple")
    CRIMSON = RED  # an alias


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Rights(Flag):
    READ = 1
    WRITE = 2
    BOTH = 3
    RUN = 8


@dataclass
class Box:
    content: Any
    label: str = "none"


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass
class Loud:
    size: int
    doubled: int = field(init=False)

    def __post_init__(self) -> None:
        if self.size > 100:
            raise AssertionError("rebuilt through the constructor")
        self.doubled = self.size * 2

    @cached_property
    def tripled(self) -> int:
        return self.size * 3


@dataclass
class Holder(Generic[T]):
    held: T


@dataclass
class Empty:
    pass


@dataclass
class Wider(Box):
    more: int = 0


class Row(NamedTuple):
    key: str
    value: Any


Pair = namedtuple("Pair", "left right")


class Outer:
    @dataclass(frozen=True)
    class Inner:
        a: int

    class Kind(Enum):
        ONE = 1


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type, all the way down; NaN equals NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return same_float(left, right)
    if isinstance(left, complex):
        return same_float(left.real, right.real) and same_float(left.imag, right.imag)
    if isinstance(left, Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, set | frozenset):
        return len(left) == len(right) and all(any(same(a, b) for b in right) for a in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if is_dataclass(left):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in fields(left))
    if isinstance(left, datetime | time):
        return (
            left.replace(tzinfo=None) == right.replace(tzinfo=None)
            and left.fold == right.fold
            and str(left.tzinfo) == str(right.tzinfo)
            and type(left.tzinfo) is type(right.tzinfo)
        )
    return bool(left == right)


def same_float(left: float, right: float) -> bool:
    both_nan = math.isnan(left) and math.isnan(right)
    return both_nan or (left == right and math.copysign(1, left) == math.copysign(1, right))


def assert_round_trip(value: Any) -> None:
    back = unpack(pack(value))
    assert same(value, back), f"{value!r} came back as {back!r}"


EXAMPLES = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    -(2**63) - 1,
    10**5000,
    -(256**9),
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1e-320,
    "",
    "héllo\0\n",
    "\ud800",
    "\ud800\udc00",
    "𝄞",
    b"",
    b"\xff\x00",
    bytearray(b"abc"),
    [bytearray(b"x"), b"x"],
    {"a": (bytearray(b"x"), [bytearray(b"y"), {"z": bytearray()}], Box(bytearray(b"box")))},
    [],
    {},
    (),
    set(),
    frozenset(),
    (1,),
    [(), [()], ((),)],
    {1: "int", "1": "text", None: 0, 2.5: 1, (1, (2,)): "tuple", frozenset({1}): "set"},
    {"b": 1, "a": 2, "c": 3},
    OrderedDict([("b", 1), ((1,), OrderedDict())]),
    {Point(1.0, 2.0): 1, Colour.RED: 2, date(2024, 1, 1): 3, UUID(int=5): 4, 1j: 5},
    complex(math.nan, -0.0),
    Decimal("1.10"),
    Decimal("-0E+7"),
    Decimal("Infinity"),
    Decimal("NaN123"),
    Decimal("sNaN"),
    UUID(int=2**128 - 1),
    PurePosixPath("a/b"),
    PureWindowsPath("C:\\x\\y"),
    Path("/tmp/\udcff"),
    Path("."),
    datetime(2024, 2, 29, 23, 59, 59, 999999),
    datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS),
    datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=PARIS),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-3, microseconds=5))),
    datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2), "summer")),
    datetime(2024, 1, 1, fold=1),
    date.max,
    time(1, 2, 3, 4, fold=1, tzinfo=PARIS),
    time(12, tzinfo=UTC),
    range(0),
    range(3, -8, -2),
    [range(1 - 2**63, 2**63 - 1), {"at": range(5)}],
    {range(2): 1},
    timedelta.max,
    timedelta.min,
    timedelta(microseconds=-1),
    Colour.RED,
    Colour.GREEN,
    Colour.CRIMSON,
    Level.HIGH,
    Word.YES,
    Rights.READ,
    Rights.BOTH,
    Rights.READ | Rights.RUN,
    Rights(0),
    Outer.Kind.ONE,
    Outer.Inner(3),
    Box([1, {"x": Point(1.0, math.nan)}], "b"),
    Holder[int](5),
    Empty(),
    Wider((1, 2), "w", 3),
    Row("k", [Row("n", None)]),
    Pair(1, (2,)),
    {Row("k", 1)},
]


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda value: type(value).__name__)
def test_each_type_comes_back_as_itself(value: Any) -> None:
    assert_round_trip(value)
    assert_round_trip([value, {"in": (value,)}])


def test_named_zone_keeps_its_name_and_utc_stays_the_singleton() -> None:
    named = unpack(pack(datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2), "summer"))))
    assert isinstance(named, datetime)
    assert named.tzname() == "summer"
    utc = unpack(pack(datetime(2024, 1, 1, tzinfo=UTC)))
    assert isinstance(utc, datetime)
    assert utc.tzinfo is UTC


def test_enum_members_are_the_very_members() -> None:
    assert unpack(pack([Colour.RED, Level.LOW])) == [Colour.RED, Level.LOW]
    assert unpack(pack(Colour.RED)) is Colour.RED


def test_dataclass_is_rebuilt_without_its_constructor() -> None:
    loud = Loud(5)
    loud.size = 1000  # the constructor would refuse this
    assert loud.tripled == 3000  # cached on the instance, and no state to keep
    back = unpack(pack(loud))
    assert isinstance(back, Loud)
    assert (back.size, back.doubled, back.tripled) == (1000, 10, 3000)


def test_dictionary_order_is_kept() -> None:
    keys = [str(number) for number in range(100, 0, -1)]
    assert list(unpack(pack(dict.fromkeys(keys)))) == keys  # type: ignore[call-overload]


def test_long_lists_of_typed_values() -> None:
    assert_round_trip([(number, float(number), str(number)) for number in range(5000)])
    assert_round_trip([{"n": number, "p": Point(number, 0.5)} for number in range(500)])


def test_the_input_is_left_alone() -> None:
    inner = bytearray(b"x")
    value = {"a": [inner, (1,)]}
    pack(value)
    assert value == {"a": [inner, (1,)]}
    assert value["a"][0] is inner


def test_unpack_takes_views_of_larger_buffers() -> None:
    packed = pack([1, (2,)])
    assert unpack(memoryview(b"xx" + packed + b"yy")[2:-2]) == [1, (2,)]


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: {"k": items[0]}, lambda i: Box(i[0])])
def test_the_deepest_allowed_value(wrap: Any) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = wrap([value])
    assert_round_trip(value)


def test_threads_can_pack_in_parallel() -> None:
    def work(number: int) -> None:
        value = [(number, str(number) * 50, Point(number, 1.0), bytearray(b"x"))] * 50
        plain = [number] * 100
        for _ in range(40):
            if unpack(pack(value)) != value or unpack(pack(plain)) != plain:
                wrong.append(number)

    wrong: list[int] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


class Nosy:
    """Packs another value while its own field is being read."""

    def __get__(self, instance: object, owner: type) -> Any:
        return unpack(pack([("inner", 1)])) if instance is not None else self


@dataclass
class Reentrant:
    value: Any = None


def test_packing_inside_packing() -> None:
    Reentrant.value = Nosy()
    try:
        packed = pack([("before", 2), object.__new__(Reentrant), ("after", 3)])
    finally:
        Reentrant.value = None
    assert unpack(packed) == [("before", 2), Reentrant([("inner", 1)]), ("after", 3)]


any_text = st.text(st.characters(exclude_categories=()))
offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
zones = st.one_of(st.none(), st.just(UTC), offsets, st.sampled_from([PARIS, None]))
hashable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    any_text,
    st.binary(),
    st.complex_numbers(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.dates(),
    st.timedeltas(),
    st.datetimes(timezones=zones),
    st.times(timezones=st.one_of(st.none(), offsets)),
    any_text.map(PurePosixPath),
    any_text.map(PureWindowsPath),
    st.sampled_from([Colour.RED, Level.LOW, Word.YES, Rights.READ, Rights.READ | Rights.RUN]),
    st.builds(Point, st.floats(), st.floats()),
)
keys = st.recursive(
    hashable_leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Row, any_text, inner),
    ),
    max_leaves=4,
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(keys, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4).map(OrderedDict),
        st.builds(Box, inner, any_text),
        st.builds(Pair, inner, inner),
    )


values = st.recursive(
    st.one_of(hashable_leaves, st.binary().map(bytearray)), containers, max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_any_mixture_comes_back_as_itself(value: Any) -> None:
    assert_round_trip(value)
