"""Bytes of tables that an attacker has chosen: refused before Arrow, pandas or polars trips."""

from __future__ import annotations

import datetime as dt
import struct
from contextlib import suppress
from typing import Any

import msgpack
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from samples import sampled
from tables import LONG

from flowkit.codec import limits
from flowkit.codec.packing import BrokenValue, UnpackableValue, pack, unpack
from flowkit.codec.wire import HEADS, Code

TABLE = pa.table(
    {
        "a": [1, None],
        "s": ["x", "yy"],
        "d": pa.array(["p", "q"]).dictionary_encode(),
        "l": [[1], None],
        "st": [{"k": 1}, None],
        "m": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int32())),
        "t": pa.array([1, 2], pa.timestamp("us", "Europe/Paris")),
        "dec": pa.array([1, 2], pa.decimal128(10, 2)),
        "n": pa.nulls(2),
        "b": [True, None],
        "f": pa.array([b"ab", b"cd"], pa.binary(2)),
    }
)
FRAME = pl.DataFrame(
    {
        "e": pl.Series(["x", "y"], dtype=pl.Enum(["x", "y"])),
        "c": pl.Series(["x", "y"], dtype=pl.Categorical),
        "l": [[1], None],
        "t": [dt.time(1), None],
    }
)
WIDE = pd.DataFrame(
    {
        "s": ["a", None] * LONG,
        "c": pd.Categorical(["a", "b"] * LONG),
        "z": pd.date_range("2026", periods=2 * LONG, tz="Europe/Paris"),
        "i": pd.array([1, None] * LONG, dtype="Int64"),
        "o": [dt.date(2026, 1, 1), None] * LONG,
        "p": pd.period_range("2026", periods=2 * LONG, freq="D"),
        "v": pd.interval_range(0, 2 * LONG),
        "r": pd.array([1, 2] * LONG, dtype="int64[pyarrow]"),
    },
    index=pd.MultiIndex.from_product([range(LONG), ["x", "y"]]),
)
RECORDS = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8", (2,))])
APART = pd.Series([f"text {number}" for number in range(10_000)])
VALUES: dict[str, Any] = {
    "arrow": TABLE,
    "polars": FRAME,
    "pandas": WIDE,
    "records": RECORDS,
    "apart": APART,
    "zone": pd.date_range("2026", periods=3, freq="D", tz="UTC"),
}
PACKED = {name: pack(value) for name, value in VALUES.items()}


def use(value: Any) -> None:
    """Touch every cell of what was accepted: it must not be a trap for the process."""
    repr(value)
    if isinstance(value, pa.Table):
        value.to_pylist()
    elif isinstance(value, pl.DataFrame):
        value.rows()
    elif isinstance(value, pd.DataFrame | pd.Series):
        value.to_numpy()


def read_or_broken(data: bytes) -> None:
    with suppress(BrokenValue):
        value = unpack(data)
        with suppress(Exception):  # a value may be odd, as long as the process survives
            use(value)


def broken(data: bytes) -> str:
    with pytest.raises(BrokenValue) as caught:
        unpack(data)
    assert "MemoryError" not in str(caught.value)
    return str(caught.value)


@sampled(st.sampled_from(list(PACKED)), st.data(), few=200, many=2000)
def test_mutated_tables_raise_nothing_else(name: str, data: st.DataObject) -> None:
    mutated = bytearray(PACKED[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, min(len(mutated), 4000) - 1))
        match data.draw(st.sampled_from(["set", "flip", "cut", "insert"])):
            case "set":
                mutated[place] = data.draw(st.integers(0, 255))
            case "flip":
                mutated[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del mutated[place : place + data.draw(st.integers(1, 8))]
            case _:
                mutated[place:place] = data.draw(st.binary(max_size=8))
    read_or_broken(bytes(mutated))


@pytest.mark.parametrize("name", list(PACKED))
def test_tables_that_are_cut_off_are_broken(name: str) -> None:
    packed = PACKED[name]
    for end in range(0, len(packed), 1 + len(packed) // 300):
        broken(packed[:end])
    broken(packed + b"\x00")


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["arrow", "polars"])
def test_every_place_of_a_stream_can_break(name: str, every: int) -> None:
    packed = PACKED[name]
    for place in range(0, min(len(packed), 6000), every):
        for byte in (0x00, 0x7F, 0xFF, packed[place] ^ 0x10):
            read_or_broken(packed[:place] + bytes([byte]) + packed[place + 1 :])


# -- streams of Arrow -----------------------------------------------------------------------------


def stream(table: Any, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def forged(data: bytes, kind: str = "Table") -> bytes:
    return msgpack.packb([HEADS[Code.ARROW], kind, data])  # type: ignore[no-any-return]


def test_a_stream_of_pyarrow_is_read() -> None:
    assert unpack(forged(stream(TABLE))).equals(TABLE)  # type: ignore[attr-defined]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_streams_are_refused_before_they_are_unpacked(compression: str) -> None:
    zeros = pa.table({"z": np.zeros(1_000_000)})
    assert "compressed" in broken(forged(stream(zeros, compression=compression)))
    words = pa.table({"d": pa.array(["x" * 10_000] * 3).dictionary_encode()})
    assert "compressed" in broken(forged(stream(words, compression=compression)))


class Trap(pa.ExtensionType):  # type: ignore[misc]
    ran = 0

    def __init__(self) -> None:
        super().__init__(pa.int64(), "test.trap")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"code"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, data: bytes) -> Any:
        cls.ran += 1
        return cls()


def test_no_code_of_an_extension_type_runs() -> None:
    data = stream(pa.table({"t": pa.ExtensionArray.from_storage(Trap(), pa.array([1]))}))
    pa.register_extension_type(Trap())
    try:
        Trap.ran = 0
        assert "extension type" in broken(forged(data))
        assert Trap.ran == 0
        assert pa.ipc.open_stream(data).schema.field(0).type == Trap()  # it would have run
        assert Trap.ran > 0
    finally:
        pa.unregister_extension_type("test.trap")


def test_columns_that_share_their_bytes_are_refused() -> None:
    """A hundred columns of one kilobyte, all of them in the same kilobyte."""
    rows, columns = 128, 100
    table = pa.table({f"c{n}": np.arange(rows) for n in range(columns)})
    data = bytearray(stream(table))
    size = rows * 8
    begin = bytes(data).index(np.arange(rows).tobytes())
    for number in range(columns):
        where = struct.pack("<qq", number * size, size)
        at = bytes(data[:begin]).rfind(where)
        assert at > 0
        data[at : at + 16] = struct.pack("<qq", 0, size)
    at = bytes(data[:begin]).index(struct.pack("<q", columns * size))
    data[at : at + 8] = struct.pack("<q", size)
    del data[begin + size : begin + columns * size]
    assert pa.ipc.open_stream(bytes(data)).read_all().num_columns == columns
    assert "share their bytes" in broken(forged(bytes(data)))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["x"], pa.string_view()),
        pa.array([1, 1], pa.run_end_encoded(pa.int32(), pa.int64())),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
        pa.array([[1]], pa.list_view(pa.int64())),
        pa.FixedSizeListArray.from_arrays(pa.nulls(2), 2),
        pa.array([b""], pa.binary(0)),
        pa.array([{}], pa.struct([])),
    ],
    ids=lambda column: str(column.type)[:20],
)
def test_types_that_describe_more_than_they_hold_are_refused(column: Any) -> None:
    table = pa.table({"c": column})
    assert "a type that is not supported" in broken(forged(stream(table)))
    with pytest.raises(UnpackableValue, match="has the Arrow type"):
        pack(table)


def test_rows_without_bytes_are_bounded() -> None:
    nulls = pa.chunked_array([pa.nulls(limits.MAX_EMPTY_SHAPE // 2 + 1)] * 2)
    broken(forged(stream(pa.table({"n": nulls}))))
    with pytest.raises(UnpackableValue, match="rows, and cannot be stored"):
        pack(nulls)


def test_wrong_offsets_are_refused_before_they_are_addresses() -> None:
    data = bytearray(stream(pa.table({"s": pa.array(["ab", "cd"])})))
    offsets = struct.pack("<iii", 0, 2, 4)
    at = bytes(data).index(offsets)
    data[at : at + 12] = struct.pack("<iii", 0, 2**30, 4)
    assert "is damaged" in broken(forged(bytes(data)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"_PL_ENUM_VALUES2", b"99;x"),
        (b"_PL_ENUM_VALUES2", b"x"),
        (b"_PL_ENUM_VALUES2", b"1;x1;x"),
        (b"_PL_ENUM_VALUES2", b"1;\xff"),
        (b"_PL_CATEGORICAL2", b"9;0;u32;"),
        (b"_PL_OTHER", b""),
    ],
)
def test_metadata_on_which_polars_panics_is_refused(key: bytes, value: bytes) -> None:
    array = pa.array(["x"]).dictionary_encode().cast(pa.dictionary(pa.uint32(), pa.large_string()))
    schema = pa.schema([pa.field("0", array.type, metadata={key: value})])
    data = stream(pa.Table.from_arrays([array], schema=schema))
    packed = msgpack.packb([HEADS[Code.POLARS], "DataFrame", ["a"], data])
    assert "with categories of a name" in broken(packed)


# -- bytes that lie apart -------------------------------------------------------------------------


def reference(number: int) -> Any:
    return msgpack.ExtType(int(Code.PIECE), number.to_bytes(4, "big"))


def apart(document: Any, *pieces: bytes) -> bytes:
    items = [msgpack.packb(document)]
    for piece in pieces:
        items += [b"", piece]
    packed = [msgpack.packb(HEADS[Code.APART])]
    for number, item in enumerate(items):
        short = number % 2
        packed.append(bytes([0xC4, len(item)]) if short else b"\xc6" + struct.pack(">I", len(item)))
        packed.append(item)
    return b"\xdd" + struct.pack(">I", len(items) + 1) + b"".join(packed)


def array(data: Any, count: int) -> list[Any]:
    return [HEADS[Code.ARRAY], "|u1", "C", data, count]


def test_references_are_valid_once() -> None:
    assert unpack(apart([array(reference(0), 2)], b"ab"))[0].tolist() == [97, 98]  # type: ignore[index]
    twice = [array(reference(0), 2)] * 2
    assert "refers to bytes that it does not have" in broken(apart(twice, b"ab"))
    assert "has bytes that are no part of it" in broken(apart([1], b"ab"))
    assert "is not at the place of a value" in broken(apart([reference(0)], b"ab"))
    assert "refers to bytes that it does not have" in broken(msgpack.packb([reference(0)]))
    broken(msgpack.packb([HEADS[Code.APART], b"", b"", b""]))
    broken(apart([array(reference(0), 2)], b"ab")[:-1])


# -- tables of pandas and numpy -------------------------------------------------------------------


def raw(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def ints(*values: int) -> list[Any]:
    return [HEADS[Code.ARRAY], "<i8", "C", np.array(values, "<i8").tobytes(), len(values)]


def index(*values: int) -> list[Any]:
    return [HEADS[Code.INDEX], "<i8", ints(*values), None, None]


ROWS = [HEADS[Code.RANGE_INDEX], 0, 10**9, 1, None]
FORGED = {
    "column of another length": [HEADS[Code.TYPED_SERIES], ints(1), None, ROWS, {}, False],
    "column that is a number": [HEADS[Code.TYPED_SERIES], 1, None, index(1), {}, False],
    "column that is an index": [HEADS[Code.TYPED_SERIES], index(1), None, index(1), {}, False],
    "frame without columns": [HEADS[Code.TYPED_FRAME], index(1), ROWS, {}, False],
    "code beyond the categories": [HEADS[Code.CATEGORICAL], False, ints(5), index(1)],
    "the same category twice": [HEADS[Code.CATEGORICAL], False, ints(0), index(1, 1)],
    "categories that are numbers": [HEADS[Code.CATEGORICAL], False, ints(0), ints(1)],
    "code beyond the levels": [HEADS[Code.MULTI_INDEX], [None], index(1), ints(7)],
    "levels without names": [HEADS[Code.MULTI_INDEX], [], index(1), ints(0)],
    "unknown zone": [
        *[HEADS[Code.DATETIMES], [HEADS[Code.ARRAY], "<M8[ns]", "C", b"\0" * 8, 1], "../etc"]
    ],
    "numbers as times": [HEADS[Code.DATETIMES], ints(1)],
    "long frequency": [HEADS[Code.PERIODS], "1" * 10**6, ints(1)],
    "unknown frequency": [HEADS[Code.PERIODS], "XYZ", ints(1)],
    "half an interval": [HEADS[Code.INTERVALS], "left", index(1, 2), index(3)],
    "wrong interval": [HEADS[Code.INTERVALS], "left", index(2), index(1)],
    "no mask": [HEADS[Code.MASKED], "Int64", ints(1), ints(0)],
    "another dtype": [
        *[HEADS[Code.MASKED], "Int8", ints(1), [HEADS[Code.ARRAY], "|b1", "C", b"\0", 1]]
    ],
    "text that is a number": [HEADS[Code.TEXTS], "str", "python", [1]],
    "unknown storage": [HEADS[Code.TEXTS], "str", "disk", []],
    "objects without items": [HEADS[Code.OBJECTS], [10**9]],
    "objects of many dimensions": [HEADS[Code.OBJECTS], [2**62] * 60, 1],
    "records larger than their bytes": [
        *[HEADS[Code.STRUCTURED], [10**9, False, ["a", 0, [], "<i8"]], [100], ints(*range(100))]
    ],
    "records that overlap": [
        *[HEADS[Code.STRUCTURED], [8, False, ["a", 0, [], "<i8"], ["b", 4, [], "<i4"]]],
        *[[1], ints(1), ints(1)],
    ],
    "records without fields": [HEADS[Code.STRUCTURED], [8, False], [1]],
    "record of objects": [HEADS[Code.STRUCTURED], [8, False, ["a", 0, [], "|O"]], [1], ints(1)],
    "unknown scalar": [HEADS[Code.PANDAS_SCALAR], "Series", 1],
    "period of text": [HEADS[Code.PANDAS_SCALAR], "Period", 1, "D D" * 10**6],
    "frequency of numbers": [HEADS[Code.TYPED_INDEX], ints(1), None, "D"],
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", list(FORGED))
def test_forged_tables_are_broken_values(name: str) -> None:
    text = broken(raw(FORGED[name]))
    assert len(text) < limits.MAX_FAULT + 200


def test_labels_that_collide_are_bounded() -> None:
    many = np.arange(limits.MAX_UNORDERED_LABELS + 1)[::-1].copy()
    codes = [HEADS[Code.ARRAY], "|i1", "C", b"\0", 1]
    labels = [HEADS[Code.INDEX], "<i8", ints(*many.tolist()), None, None]
    for forged_value in (
        [HEADS[Code.CATEGORICAL], False, codes, labels],
        [HEADS[Code.MULTI_INDEX], [None], labels, codes],
    ):
        assert "neither text nor in order" in broken(raw(forged_value))
    with pytest.raises(UnpackableValue, match="neither text nor in order"):
        pack(pd.Categorical([1], categories=many))
    honest = pd.Series([f"k{number}" for number in many], dtype="category")
    assert unpack(pack(honest)).equals(honest)  # type: ignore[attr-defined]
