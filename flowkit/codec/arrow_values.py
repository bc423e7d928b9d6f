"""Codecs of the values of pyarrow and polars: tables, batches, arrays, frames and series.

Each is a stream of Arrow IPC (arrow_stream.py) with the name of its class. A table keeps its schema
with all metadata; which rows share a chunk may change. polars' own types are compared on an empty
table of the same schema before the data is written: a type that Arrow does not give back is
refused, with its column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrow_stream import read_table, write_table
from .bulk import bulk
from .errors import BrokenValue, Unfit
from .libraries import loaded, needed, pyarrow
from .wire import HEADS, Code

_NO_ARROW = (
    "cannot be stored without pyarrow of release 17 or newer. Install it wherever such values are "
    "made or read: pip install 'flowkit[arrow]'."
)


def arrow() -> Any:
    """Return pyarrow for a value that is stored with it. Raises Unfit if it is not installed."""
    found = pyarrow()
    if found is None:
        raise Unfit(_NO_ARROW)
    return found


# -- pyarrow --------------------------------------------------------------------------------------


def arrow_item(pa: Any, array: Any, *, validate: bool = False) -> object:
    """Return an Array or a ChunkedArray for the packer, as a table of one column without a name."""
    try:
        return bulk(write_table(pa, pa.table([array], names=[""]), validate=validate), apart=True)
    except Unfit as unfit:
        raise Unfit(unfit.reason) from None


def read_array(data: object) -> Any:
    """Return the ChunkedArray that `arrow_item` wrote. Raises BrokenValue."""
    table = read_table(data)
    if table.num_columns != 1:
        raise BrokenValue(f"an array of Arrow has {table.num_columns} columns")
    return table.column(0)


def _encode_table(value: Any) -> object:
    return [HEADS[Code.ARROW], "Table", bulk(write_table(arrow(), value), apart=True)]


def _encode_batch(value: Any) -> object:
    pa = arrow()
    return [HEADS[Code.ARROW], "RecordBatch", bulk(write_table(pa, pa.Table.from_batches([value])), apart=True)]


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


# -- polars ---------------------------------------------------------------------------------------


def _polars_table(frame: Any) -> Any:
    """Return the Arrow table of a frame. Raises Unfit for the column that would change."""
    pl, pa = loaded("polars"), arrow()
    for name, dtype in frame.schema.items():
        if _type_back(pl, name, dtype) != dtype:
            raise Unfit(
                f"has the polars type {dtype}, which cannot be stored. Cast it to another type: "
                f"{_polars_advice(pl, dtype)}.",
                f"[{name!r}]",
            )
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    if table.num_rows != frame.height:
        raise Unfit("has rows but no columns, and cannot be stored. Return its height.")
    return pa.table(table)


def _type_back(pl: Any, name: str, dtype: Any) -> Any:
    """Return the type that a column of a type has after a way through Arrow, None if none."""
    if "Object" in str(dtype):  # polars panics
        return None
    try:
        empty = pl.DataFrame(schema={name: dtype}).to_arrow(compat_level=pl.CompatLevel.oldest())
        return pl.from_arrow(empty).schema[name]
    except Exception:  # a type that Arrow lacks
        return None


def _polars_advice(pl: Any, dtype: Any) -> str:
    if dtype.is_(pl.Object):
        return "pl.Series(column.name, [str(item) for item in column])"
    return "column.cast(pl.String)"


def _encode_polars_frame(value: Any) -> object:
    table = _polars_table(value)
    return [HEADS[Code.POLARS], "DataFrame", bulk(write_table(arrow(), table, validate=False), apart=True)]


def _encode_polars_series(value: Any) -> object:
    table = _polars_table(value.to_frame())
    return [HEADS[Code.POLARS], "Series", bulk(write_table(arrow(), table, validate=False), apart=True)]


def _decode_polars(items: list[Any]) -> object:
    kind, data = items
    if kind not in ("DataFrame", "Series"):
        raise BrokenValue("a value of polars of an unknown class")
    pl = needed("polars")
    table = read_table(data)
    if len(set(table.column_names)) != table.num_columns:
        raise BrokenValue("a frame of polars with two columns of one name")
    try:
        frame = pl.from_arrow(table)
    except (pl.exceptions.PanicException, pl.exceptions.PolarsError) as error:  # wrong metadata
        raise BrokenValue(f"a frame of polars is damaged: {str(error)[:200]}") from None
    if kind == "DataFrame":
        return frame
    if frame.width != 1:
        raise BrokenValue(f"a series of polars has {frame.width} columns")
    return frame.to_series(0)


# -- both -----------------------------------------------------------------------------------------


def pyarrow_encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that pyarrow defines, if it has one."""
    pa = loaded("pyarrow")
    if kind is pa.Table:
        return _encode_table
    if kind is pa.RecordBatch:
        return _encode_batch
    if kind is pa.ChunkedArray:
        return _encode_chunked
    return _encode_array if issubclass(kind, pa.Array) else None


def polars_encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that polars defines, if it has one."""
    pl = loaded("polars")
    if kind is pl.DataFrame:
        return _encode_polars_frame
    return _encode_polars_series if kind is pl.Series else None


def arrow_advice(value: object) -> str | None:
    """Return the advice for another value of pyarrow or polars; None if there is none."""
    name = type(value).__name__
    if name == "LazyFrame":
        return "Return value.collect(), the frame of its result."
    if name.endswith("Scalar"):
        return "Return value.as_py()."
    if name in ("LazyGroupBy", "GroupBy", "Expr"):
        return "Compute the data that is needed, and return that."
    return None


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.ARROW: _decode_arrow,
    Code.POLARS: _decode_polars,
}
