"""Codecs of the values of polars: frames and series.

Each is a stream of Arrow IPC (arrow_stream.py), so pyarrow must be installed. polars' own types are
compared on an empty frame of the same schema before the data is written: a type that Arrow does not
give back is refused, with its column.

polars keeps the categories of an Enum in the metadata of a field, and panics if they are not as it
wrote them. So metadata is checked before polars reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .arrow_stream import arrow, read_table, write_table
from .bulk import bulk
from .errors import BrokenValue, Unfit
from .libraries import loaded, needed
from .wire import HEADS, Code

# Of polars 2 and 1. The numbers are the lengths of names, which only categories of a name have.
_CATEGORICAL = {
    b"_PL_CATEGORICAL2": re.compile(rb"0;0;u(?:8|16|32);"),
    b"_PL_CATEGORICAL": re.compile(rb"physical|lexical"),
}
_ENUM = (b"_PL_ENUM_VALUES2", b"_PL_ENUM_VALUES")
_LENGTH = re.compile(rb"([0-9]{1,9});")


def _polars_table(frame: Any) -> Any:
    """Return the Arrow table of a frame. Raises Unfit for the column that would change."""
    pl = loaded("polars")
    arrow()
    for name, dtype in frame.schema.items():
        if _type_back(pl, dtype) != dtype:
            raise Unfit(
                f"has the polars type {dtype}, which cannot be stored. Cast it to another type: "
                f"{_polars_advice(pl, dtype)}.",
                f"[{name!r}]",
            )
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    if table.num_rows != frame.height:
        raise Unfit("has rows but no columns, and cannot be stored. Return its height.")
    for field in table.schema:
        _check_metadata(field, Unfit)
    # Numbers for names: polars gives a column without a name another one.
    return table.rename_columns([str(place) for place in range(table.num_columns)])


def _type_back(pl: Any, dtype: Any) -> Any:
    """Return the type that a column of a type has after a way through Arrow, None if none."""
    if "Object" in str(dtype):  # polars panics
        return None
    try:
        empty = pl.DataFrame(schema={"0": dtype}).to_arrow(compat_level=pl.CompatLevel.oldest())
        return pl.from_arrow(empty).schema["0"]
    except Exception:  # a type that Arrow lacks
        return None


def _polars_advice(pl: Any, dtype: Any) -> str:
    if dtype.is_(pl.Object):
        return "pl.Series(column.name, [str(item) for item in column])"
    return "column.cast(pl.String)"


def _encode_frame(value: Any) -> object:
    return _encoded("DataFrame", value)


def _encode_series(value: Any) -> object:
    return _encoded("Series", value.to_frame())


def _encoded(kind: str, frame: Any) -> object:
    stream = write_table(arrow(), _polars_table(frame), validate=False)
    return [HEADS[Code.POLARS], kind, frame.columns, bulk(stream, apart=True)]


def _decode_polars(items: list[Any]) -> object:
    kind, names, data = items
    if kind not in ("DataFrame", "Series"):
        raise BrokenValue("a value of polars of an unknown class")
    pl = needed("polars")
    table = read_table(data)
    table = table.replace_schema_metadata(None)
    for field in table.schema:
        str(field)  # fails for a name or a zone that is not text, on which polars panics
        _check_metadata(field, BrokenValue)
    if table.column_names != [str(place) for place in range(table.num_columns)]:
        raise BrokenValue("a frame of polars whose columns are not numbered")
    if type(names) is not list or not {str}.issuperset(map(type, names)):
        raise BrokenValue("a frame of polars whose names are not text")
    try:
        frame = pl.from_arrow(table)
        frame.columns = names
    except (pl.exceptions.PanicException, pl.exceptions.PolarsError) as error:
        raise BrokenValue(f"a frame of polars is damaged: {str(error)[:200]}") from None
    if kind == "DataFrame":
        return frame
    if frame.width != 1:
        raise BrokenValue(f"a series of polars has {frame.width} columns")
    return frame.to_series(0)


def _check_metadata(field: Any, error: type[Exception]) -> None:
    """Raise `error` for metadata that polars does not write, in a field or the fields within."""
    for key, value in (field.metadata or {}).items():
        if key in _ENUM and _are_categories(value):
            continue
        if key in _CATEGORICAL and _CATEGORICAL[key].fullmatch(value):
            continue
        raise error(
            f"has the column {field.name!r} with categories of a name, which cannot be stored. "
            "Cast it to a plain Categorical: column.cast(pl.String).cast(pl.Categorical)."
        )
    kind = field.type
    if hasattr(kind, "value_field"):
        _check_metadata(kind.value_field, error)
    else:
        for place in range(kind.num_fields):
            _check_metadata(kind.field(place), error)


def _are_categories(text: bytes) -> bool:
    """Return whether a text is: length; category length; category …, each of them once."""
    seen: set[bytes] = set()
    at = count = 0
    while at < len(text):
        length = _LENGTH.match(text, at)
        if length is None:
            return False
        at = length.end() + int(length[1])
        category = text[length.end() : at]
        if at > len(text) or not _is_text(category):
            return False
        seen.add(category)
        count += 1
    return len(seen) == count


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeError:
        return False
    return True


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that polars defines, if it has one."""
    pl = loaded("polars")
    if kind is pl.DataFrame:
        return _encode_frame
    return _encode_series if kind is pl.Series else None


DECODERS: dict[int, Callable[[list[Any]], object]] = {Code.POLARS: _decode_polars}
