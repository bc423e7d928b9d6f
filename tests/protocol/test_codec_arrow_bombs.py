"""Streams of Arrow whose few bytes claim any size: refused before Arrow makes anything of them."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pyarrow as pa
import pytest

from flowkit.codec.arrow_envelope import check_envelope
from flowkit.codec.packing import BrokenValue, pack, unpack
from flowkit.codec.wire import HEADS, Code

SECONDS = 20.0  # of processor time; a bomb that goes off takes a minute, or all memory
TEXTS = pa.array([f"{at:04d}" + "é" * 100 for at in range(10_000)])


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS


class Schema:
    """A schema message, written by hand: what Arrow's writer never writes."""

    def __init__(self, *, byte_order: int = 0, pairs: int = 0) -> None:
        self.data = bytearray(4)
        root = self.table("<h", 4, "<B", 1, "<I", 0, "<q", 0)
        self.point(0, root)
        forms = ("<h", byte_order, "<I", 0, *(("<I", 0) if pairs else ()))
        schema = self.table(*forms)
        self.point(self.place(root, 2), schema)
        self.fields, self.metadata = self.place(schema, 1), self.place(schema, 2) if pairs else 0

    def table(self, *slots: Any) -> int:
        """Write a table with these slots, one after the other, and return its place."""
        forms, values = slots[::2], slots[1::2]
        start = self.aligned()
        self.data += bytes(4 + 2 * len(forms))
        at = self.aligned()
        self.data += struct.pack("<i", at - start) + bytes(4)
        for number, (form, value) in enumerate(zip(forms, values, strict=True)):
            self.data += bytes(-len(self.data) % struct.calcsize(form))
            struct.pack_into("<H", self.data, start + 4 + 2 * number, len(self.data) - at)
            self.data += struct.pack(form, value)
        struct.pack_into("<HH", self.data, start, 4 + 2 * len(forms), len(self.data) - at)
        return at

    def aligned(self) -> int:
        self.data += bytes(-len(self.data) % 8)
        return len(self.data)

    def place(self, table: int, slot: int) -> int:
        (back,) = struct.unpack_from("<i", self.data, table)
        return table + int(struct.unpack_from("<H", self.data, table - back + 4 + 2 * slot)[0])

    def point(self, at: int, to: int) -> None:
        struct.pack_into("<I", self.data, at, to - at)

    def text(self, text: bytes) -> int:
        at = self.aligned()
        self.data += struct.pack("<I", len(text)) + text + b"\x00"
        return at

    def vector(self, at: int, count: int) -> list[int]:
        """Write a vector that ``at`` points to; return the places of its items."""
        start = self.aligned()
        self.data += struct.pack("<I", count) + bytes(4 * count)
        self.point(at, start)
        return [start + 4 + 4 * number for number in range(count)]

    def field(self, places: list[int], name: bytes, children: int = 0) -> list[int]:
        """Write one field for all these places; return the places of its children."""
        kind = 13 if children else 1  # a struct, or null
        field = self.table("<I", 0, "<B", 1, "<B", kind, "<I", 0, "<B", 0, "<I", 0)
        struct.pack_into("<H", self.data, self._entry(field, 4), 0)  # no dictionary
        for place in places:
            self.point(place, field)
        self.point(self.place(field, 0), self.text(name))
        self.point(self.place(field, 3), self.table("<B", 0))
        return self.vector(self.place(field, 5), children)

    def _entry(self, table: int, slot: int) -> int:
        (back,) = struct.unpack_from("<i", self.data, table)
        return int(table - back + 4 + 2 * slot)

    def stream(self) -> bytes:
        self.aligned()
        end = struct.pack("<Ii", 0xFFFFFFFF, 0)
        return struct.pack("<Ii", 0xFFFFFFFF, len(self.data)) + bytes(self.data) + end


def stream(*batches: pa.RecordBatch, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    made = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(sink, batches[0].schema, options=made) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def broken(data: bytes) -> str:
    packed = msgpack.packb([HEADS[Code.ARROW], "Table", data])
    with pytest.raises(BrokenValue) as caught:
        unpack(packed)
    return str(caught.value)


def test_a_schema_written_by_hand_is_read() -> None:
    schema = Schema()
    schema.field(schema.vector(schema.fields, 1), b"it")
    packed = msgpack.packb([HEADS[Code.ARROW], "Table", schema.stream()])
    assert unpack(packed).schema == pa.schema([("it", pa.null())])  # type: ignore[attr-defined]


@pytest.mark.parametrize(("count", "name"), [(250_000, b""), (10_000, b"x" * 300_000)])
def test_fields_that_share_their_bytes_are_refused(count: int, name: bytes) -> None:
    schema = Schema()
    schema.field(schema.vector(schema.fields, count), name)
    assert "the fields of a table of Arrow share their bytes" in broken(schema.stream())


def test_fields_within_fields_that_share_their_bytes_are_refused() -> None:
    schema = Schema()
    places = schema.vector(schema.fields, 3_000)
    for _ in range(3):
        places = schema.field(places, b"", children=3_000)
    schema.field(places, b"x" * 1_000_000)
    assert "the fields of a table of Arrow share their bytes" in broken(schema.stream())


@pytest.mark.slow
def test_metadata_that_shares_its_bytes_is_refused() -> None:
    schema = Schema(pairs=1)
    schema.field(schema.vector(schema.fields, 1), b"it")
    places = schema.vector(schema.metadata, 10_000)
    pair = schema.table("<I", 0, "<I", 0)
    for slot in (0, 1):
        schema.point(schema.place(pair, slot), schema.text(b"x" * 300_000))
    for place in places:
        schema.point(place, pair)
    assert "the fields of a table of Arrow share their bytes" in broken(schema.stream())


def test_another_byte_order_is_refused() -> None:
    schema = Schema(byte_order=1)
    schema.field(schema.vector(schema.fields, 1), b"it")
    assert "another byte order" in broken(schema.stream())


def coded(*texts: str) -> pa.RecordBatch:
    array = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(texts))
    return pa.record_batch([array], ["it"])


def test_dictionaries_in_parts_are_refused() -> None:
    texts = ["x" * 100_000, *map(str, range(200))]
    batches = [coded(*texts[:end]) for end in range(1, len(texts))]
    assert "a dictionary in parts" in broken(stream(*batches, emit_dictionary_deltas=True))


def test_batches_that_share_a_dictionary_are_refused_before_each_is_checked() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), TEXTS)
    batch = pa.record_batch([coded], ["it"])
    assert "share their bytes" in broken(stream(*[batch] * 5_000))


@pytest.mark.parametrize("length", [2**40, 2**62])
def test_nulls_within_a_list_are_no_more_than_rows(length: int) -> None:
    some = 1_234_567
    offsets = pa.py_buffer(struct.pack("<qq", 0, some))
    kind = pa.large_list(pa.null())
    array = pa.Array.from_buffers(kind, 1, [None, offsets], children=[pa.nulls(some)])
    data = stream(pa.record_batch([array], ["it"]))
    forged = data.replace(struct.pack("<q", some), struct.pack("<q", length))
    assert "claims more rows than it can have" in broken(forged)


# -- what is right is not refused ----------------------------------------------------------------


def test_chunks_that_share_a_dictionary_come_back() -> None:
    """The stream has the dictionary once; the chunks are joined, so that it stays so."""
    codes = [pa.array([at, None], pa.int32()) for at in range(50)]
    chunks = [pa.DictionaryArray.from_arrays(code, TEXTS) for code in codes]
    table = pa.table({"it": pa.chunked_array(chunks)})
    again = unpack(pack(table))
    assert again.to_pydict() == table.to_pydict()  # type: ignore[attr-defined]
    assert again.schema == table.schema  # type: ignore[attr-defined]


def test_chunks_of_lists_that_share_a_dictionary_come_back() -> None:
    values = pa.DictionaryArray.from_arrays(pa.array([1, 2], pa.int32()), TEXTS)
    chunk = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values)
    table = pa.table({"it": pa.chunked_array([chunk] * 20)})
    assert unpack(pack(table)).to_pydict() == table.to_pydict()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [pa.null(), pa.bool_(), pa.timestamp("us", "UTC")])
def test_a_wide_schema_of_short_names_is_read(kind: Any) -> None:
    fields = [pa.field("", kind, metadata={"": ""}) for _ in range(1_000)]
    nested = pa.struct([pa.field("", kind) for _ in range(1_000)])
    for schema in (pa.schema(fields, metadata={"a": ""}), pa.schema([("", nested)])):
        check_envelope(memoryview(stream(pa.RecordBatch.from_pylist([], schema=schema))))
