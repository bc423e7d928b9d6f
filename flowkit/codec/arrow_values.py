"""Codecs of the values of pyarrow: tables, batches and arrays.

Each is a stream of Arrow IPC (arrow_stream.py) with the name of its class. A table keeps its schema
with all metadata; which rows share a chunk may change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrow_stream import arrow, arrow_item, read_array, read_table, write_table
from .bulk import bulk
from .errors import BrokenValue
from .libraries import loaded, needed
from .wire import HEADS, Code


def _encode_table(value: Any) -> object:
    return _encoded("Table", arrow(), value)


def _encode_batch(value: Any) -> object:
    pa = arrow()
    return _encoded("RecordBatch", pa, pa.Table.from_batches([value]))


def _encoded(kind: str, pa: Any, table: Any) -> object:
    return [HEADS[Code.ARROW], kind, bulk(write_table(pa, table), apart=True)]


def _encode_array(value: Any) -> object:
    return [HEADS[Code.ARROW], "Array", arrow_item(arrow(), value, validate=True)]


def _encode_chunked(value: Any) -> object:
    return [HEADS[Code.ARROW], "ChunkedArray", arrow_item(arrow(), value, validate=True)]


def one_chunk(pa: Any, chunked: Any) -> Any:
    """Return a ChunkedArray as one Array."""
    if chunked.num_chunks == 1:
        return chunked.chunk(0)
    joined = chunked.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def _decode_arrow(items: list[Any]) -> object:
    kind, data = items
    if kind in ("Array", "ChunkedArray"):
        chunked = read_array(data)
        return chunked if kind == "ChunkedArray" else one_chunk(needed("pyarrow"), chunked)
    table = read_table(data)
    if kind == "Table":
        return table
    if kind != "RecordBatch":
        raise BrokenValue("a value of Arrow of an unknown class")
    pa = needed("pyarrow")
    columns = [one_chunk(pa, column) for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that pyarrow defines, if it has one."""
    pa = loaded("pyarrow")
    if kind is pa.Table:
        return _encode_table
    if kind is pa.RecordBatch:
        return _encode_batch
    if kind is pa.ChunkedArray:
        return _encode_chunked
    return _encode_array if issubclass(kind, pa.Array) else None


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.ARROW: _decode_arrow,
}
