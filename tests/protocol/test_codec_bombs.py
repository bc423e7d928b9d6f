"""Bytes that would take minutes or gigabytes: `unpack` refuses them at the price of their size.

The timeout of each test is minutes below what its bomb took before it was refused. A refusal that
says MemoryError would mean that the bomb went off, in a process that had a limit.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Flag
from itertools import islice
from typing import Any, ClassVar, NamedTuple

import msgpack
import pytest

from flowkit.codec import limits
from flowkit.codec.packing import BrokenValue, UnpackableValue, pack, unpack
from flowkit.codec.wire import HEADS, Code

HERE = __name__
P = sys.hash_info.modulus  # the hash of a multiple of it is 0


def head(code: Code, *items: Any) -> Any:
    return [HEADS[code], *items]


def payload(code: Code, data: bytes) -> Any:
    return msgpack.ExtType(int(code), data)


def big(number: int) -> Any:
    return payload(Code.BIG_INT, number.to_bytes(number.bit_length() // 8 + 1, "little"))


def raw(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def broken(data: bytes, **options: Any) -> str:
    with pytest.raises(BrokenValue) as caught:
        unpack(data, **options)
    assert "MemoryError" not in str(caught.value)
    return str(caught.value)


COUNT = 30_000
ZEROS = [P * number for number in range(-2, 4)] + [big(P * number) for number in range(5, COUNT)]
TUPLES = [head(Code.TUPLE, 1, zero) for zero in ZEROS]
COLLIDING = {
    "ints": ZEROS,
    "floats": [float(2 ** (61 * number)) for number in range(16)] * 2000,
    "tuples": TUPLES,
    "named tuples": [head(Code.NAMED_TUPLE, f"{HERE}:Pair", "a", 1, "b", zero) for zero in ZEROS],
    "frozensets": [head(Code.FROZENSET, zero) for zero in ZEROS],
    "decimals": [payload(Code.DECIMAL, b"%d" % (P * number)) for number in range(COUNT)],
    "mixed": [
        item
        for number in range(8, COUNT // 2)
        for item in (big(P * number), payload(Code.DECIMAL, b"%d.0" % (P * number + P * COUNT)))
    ],
}


class Pair(NamedTuple):
    a: Any
    b: Any


@pytest.mark.timeout(20)
@pytest.mark.parametrize("keys", COLLIDING.values(), ids=list(COLLIDING))
@pytest.mark.parametrize(
    "table",
    [
        lambda keys: head(Code.SET, *keys),
        lambda keys: head(Code.FROZENSET, *keys),
        lambda keys: head(Code.ORDERED_DICT, *(item for key in keys for item in (key, 0))),
    ],
    ids=["set", "frozenset", "ordered"],
)
def test_keys_that_collide(table: Callable[[list[Any]], Any], keys: list[Any]) -> None:
    text = broken(raw(table(keys)))
    assert "chosen to collide" in text or "twice" in text


@pytest.mark.timeout(20)
@pytest.mark.parametrize("keys", [ZEROS, TUPLES], ids=["ints", "tuples"])
def test_keys_of_a_dictionary_that_collide(keys: list[Any]) -> None:
    packer = msgpack.Packer()
    body = b"".join(packer.pack(key) + b"\xc0" for key in keys)
    data = packer.pack_map_header(len(keys)) + body
    assert "chosen to collide" in broken(data)
    # Inside of a value whose other dictionaries have text for keys.
    assert "chosen to collide" in broken(b"\x81\xa1k" + data)


def same_slots(bits: int) -> list[int]:
    """Return ints with different hashes that a dict of 2**bits slots can place by long walks only.

    A dict visits slot 5 * slot + 1 + (the hash, shifted further each time). Half of the ints fill a
    stretch of the way without the hash; the others are those that end up at its beginning.
    """
    size, mask = 2**bits, 2**bits - 1
    places, slot = [0] * size, 0
    stretch = []
    for place in range(size):
        places[slot] = place
        if place < size * 3 // 10:
            stretch.append(slot)
        slot = (5 * slot + 1) & mask
    end = len(stretch)

    def walks() -> Any:
        nonlocal end
        for high in range(1, 64):
            for low in stretch:
                shifted = number = high * size + low
                slot = low
                while shifted and places[slot] < end:
                    shifted >>= 5
                    slot = (5 * slot + 1 + shifted) & mask
                if places[slot] < end // 4:
                    end += 1
                    yield number

    return stretch + list(islice(walks(), size * 3 // 10))


@pytest.mark.timeout(40)
def test_keys_that_visit_the_same_slots() -> None:
    keys = same_slots(16)
    assert len(set(map(hash, keys))) == len(keys)
    packer = msgpack.Packer()
    data = packer.pack_map_header(len(keys)) + b"".join(packer.pack(key) + b"\xc0" for key in keys)
    assert "chosen to collide" in broken(data)


@pytest.mark.timeout(20)
def test_few_keys_whose_comparison_takes_long() -> None:
    nested: list[Any] = [number * P for number in range(4)]
    for _ in range(16):  # 4**16 comparisons
        a, b, c, d = nested
        nested = [head(Code.FROZENSET, x, y) for x, y in ((a, b), (c, d), (a, c), (b, d))]
    assert "chosen to collide" in broken(raw(head(Code.SET, *nested[:2])))
    long = (1 << 8_000_000) // P * P + 5
    five = payload(Code.DECIMAL, b"5")
    assert "chosen to collide" in broken(raw(head(Code.SET, five, big(long))))
    pair = [head(Code.TUPLE, five), head(Code.TUPLE, big(long))]
    assert "chosen to collide" in broken(raw(head(Code.SET, *pair)))


@dataclass(frozen=True)
class Cell:
    x: int
    y: Any

    def __hash__(self) -> int:
        return 7


def test_honest_keys_may_collide_a_little() -> None:
    grid = {(x, y, z) for x in (-1, -2, 0) for y in (-1, -2) for z in (-1, -2)}
    sets = {frozenset({(x, y), (y, x)}) for x, y, _ in grid}
    cells = {Cell(number, None): number for number in range(60)}
    wide = {number * 2**40 for number in range(20_000)} | {-1, -2, 0, P}
    for value in (grid, sets, cells, wide, dict.fromkeys(range(20_000)), {1.5: 1, None: 2}):
        assert unpack(pack(value)) == value


def tables() -> dict[str, Any]:
    whole, item = "<i8", head(Code.ARRAY, "<i8", "C", b"\0" * 8, 1)
    rows = head(Code.RANGE_INDEX, 0, 10**9, 1, None)
    four = head(Code.ARRAY, "<i8", "C", b"\0" * 32, 2, 2)
    days = head(Code.ARRAY, "<M8[ns]", "C", b"\0" * 8, 1)
    return {
        "scalar series": head(Code.SERIES, whole, 5, None, rows, {}),
        "array over a range": head(Code.SERIES, whole, item, None, rows, {}),
        "empty object series": head(Code.SERIES, "object", [], None, rows, {}),
        "one object": head(Code.SERIES, "object", [None], None, rows, {}),
        "range as values": head(Code.SERIES, whole, rows, None, rows, {}),
        "index of a range": head(Code.INDEX, whole, rows, None, None),
        "frame": head(Code.FRAME, head(Code.RANGE_INDEX, 0, 1, 1, None), rows, {}, whole, item),
        "frame of nothing": head(Code.FRAME, head(Code.RANGE_INDEX, 0, 1, 1, None), rows, {}),
        "matrix": head(Code.INDEX, whole, four, None, None),
        "nested items": head(Code.INDEX, "object", [[1]], None, None),
        "attributes": head(
            Code.SERIES, whole, item, None, head(Code.RANGE_INDEX, 0, 1, 1, None), [["a", 1]]
        ),
        "range of floats": head(Code.RANGE_INDEX, 0.0, 1e300, 1, None),
        "frequency": head(Code.INDEX, "<M8[ns]", days, None, "1" * 10**6),
        "spaces": head(Code.INDEX, "<M8[ns]", days, None, " " * 10**6),
        "text timestamp": head(Code.TIMESTAMP, "2026-01-01", "ns"),
        "empty text": head(Code.ARRAY, "|S0", "C", b"", 2**33),
        "hollow": head(Code.ARRAY, "<i8", "C", b"", 0, 2**40),
        "many dimensions": head(Code.ARRAY, "<i8", "C", b"", *[2**62] * 10**6),
        "negative": head(Code.ARRAY, "<i8", "C", b"\0" * 8, -1, -1),
        "unit": head(Code.ARRAY, "<M8[" + "9" * 10**6 + "s]", "C", b"\0" * 8, 1),
        "other digits": head(Code.ARRAY, "<U\u0661", "C", b"\0" * 4, 1),
    }


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", list(tables()))
def test_tables(name: str) -> None:
    text = broken(raw(tables()[name]))
    assert "is damaged, or was not written by flowkit" not in text  # refused before pandas saw it
    assert len(text) < limits.MAX_FAULT + 200


def test_a_long_range_is_three_numbers_both_ways() -> None:
    import pandas as pd

    index = pd.RangeIndex(0, 10**17, 3)
    assert unpack(pack(index)).equals(index)  # type: ignore[attr-defined]
    broken(raw(head(Code.RANGE_INDEX, -(2**63), 2**63 - 1, 1, None)))


def test_unordered_values_have_no_frequency() -> None:
    import numpy as np

    stamps = np.array([3, 1, 2], "M8[ns]")
    index = head(Code.INDEX, "<M8[ns]", head(Code.ARRAY, "<M8[ns]", "C", stamps.tobytes(), 3))
    assert "a frequency that its values cannot have" in broken(raw([*index, None, "ns"]))


class Lights(Flag):
    RED = 1
    GREEN = 2


class Handle:
    closed: ClassVar[list[Any]] = []


@dataclass
class Closing:
    path: Any

    def __del__(self) -> None:
        Handle.closed.append(self.path)


class ClosingPair(Pair):
    def __del__(self) -> None:
        Handle.closed.append(self.a)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (payload(Code.PATH, b"p" + b"ab/" * 10**6), "a path of"),
        (head(Code.TIME, 1, 1, 1, 1, 0, "A" * 10**6), "cannot be the key of a time zone"),
        (head(Code.TIME, 1, 1, 1, 1, 0, "/etc/localtime"), "cannot be the key of a time zone"),
        (head(Code.TIME, 1, 1, 1, 1, 0, "os.path"), "cannot be the key of a time zone"),
        (head(Code.ENUM, "m:" + "x." * 10**6), "the name of a class is not text of at most"),
        (head(Code.ENUM, f"{HERE}:Lights", *["RED"] * 10**6), "takes 2 at most"),
        (head(Code.DATACLASS, f"{HERE}:Closing", "path", "/"), "its __del__ would also run"),
        (head(Code.NAMED_TUPLE, f"{HERE}:ClosingPair", "a", 1, "b", 2), "its __del__ would"),
        (head(Code.DATACLASS, f"{HERE}:pytest.Class"), "is not loaded"),
        (payload(Code.DECIMAL, b"1e99999999999999999999"), "damaged"),
    ],
)
def test_text_that_is_too_long_or_names_another_path(value: Any, text: str) -> None:
    message = broken(raw(value))
    assert text in message
    assert len(message) < limits.MAX_FAULT + 200


def test_a_class_with_a_finalizer_is_never_rebuilt() -> None:
    for value in (Closing("a"), ClosingPair("a", 2)):
        with pytest.raises(UnpackableValue, match="its __del__ would also run for each copy"):
            pack(value)
    broken(raw(head(Code.DATACLASS, f"{HERE}:Closing", "path", "/")))
    broken(raw(head(Code.NAMED_TUPLE, f"{HERE}:ClosingPair", "a", "/", "b", 2)))
    gc.collect()
    assert "/" not in Handle.closed


def test_no_hook_of_a_class_decides_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            asked.append(name)
            return ("a",)

    class Pretender(tuple[Any, ...], metaclass=Meta):
        pass

    monkeypatch.setitem(globals(), "Pretender", Pretender)
    for code in (Code.DATACLASS, Code.NAMED_TUPLE, Code.ENUM):
        broken(raw(head(code, f"{HERE}:Pretender", "a", 1)))
    assert asked == []


def test_exponents_and_long_numbers_are_only_described() -> None:
    from flowkit.codec.packing import describe

    assert unpack(pack(Decimal("1e999999999"))) == Decimal("1e999999999")
    assert "E+999999999" in describe({Decimal("1e999999999")})
    assert len(describe({Decimal(5), (1 << 8_000_000) // P * P + 6})) <= 200


CHILD = """
import resource, sys
import numpy, pandas
from flowkit.codec.packing import BrokenValue, UnpackableValue, pack, unpack
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 120 * 2**20,) * 2)
try:
    unpack(b"\\xdd" + (8_000_000).to_bytes(4, "big") + b"\\x90" * 8_000_000)
except BrokenValue as error:
    print(error)
text = "x" * 40_000_000
try:
    pack([text] * 5, max_bytes=2**40)
except UnpackableValue as error:
    print(error)
data = b"\\xdd\\x00\\x00\\x1f\\x40" * 1000 + b"\\xc0" * 8000
for _ in range(20):
    try:
        unpack(data)
    except BrokenValue as error:
        refused = str(error)
print(refused)
print(unpack(pack([1, 2])))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits its own memory")
def test_too_little_memory_is_an_error() -> None:
    ended = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    read, packed, claimed, after = ended.stdout.splitlines()
    assert "MemoryError" in read
    assert packed.startswith("result: <class 'list'> does not fit into the memory of this process")
    assert "incomplete input" in claimed  # claims more than it holds, and none of it stays
    assert after == "[1, 2]"
