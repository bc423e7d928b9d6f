"""Tables of Arrow as bytes: the streaming format of Arrow IPC, as one message after another.

The bytes are untrusted when they are read, and Arrow reads buffers where they are, without a copy.
So each stream passes three checks before anything uses it:

1. *Before Arrow reads it*, the envelope of each message is checked (arrow_envelope.py).
2. *After*, each type must be one of `_plain_type`, and the buffers of all columns together must not
   exceed the stream: several columns may point to the same bytes.
3. `validate(full=True)` checks offsets, indices, UTF-8 and lengths. Without it, a wrong offset is
   read as an address.
"""

from __future__ import annotations

import struct
from typing import Any

from . import limits
from .arrow_envelope import check_envelope
from .bulk import bulk
from .errors import BrokenValue, Unfit
from .libraries import needed, pyarrow

_NO_ARROW = (
    "cannot be stored without pyarrow of release 17 or newer. Install it wherever such values are "
    "made or read: pip install 'pyarrow>=17', which is flowkit's extra [arrow]."
)
_MAX_SCALE = 76  # digits of the widest decimal
_SLACK = 4096  # of the sizes of buffers: padding and validity bits


# -- writing --------------------------------------------------------------------------------------


def arrow() -> Any:
    """Return pyarrow for a value that is stored with it. Raises Unfit if it is not installed."""
    library = pyarrow()
    if library is None:
        raise Unfit(_NO_ARROW)
    return library


def write_table(pa: Any, table: Any, *, validate: bool = True) -> list[Any]:
    """Return the stream of a pyarrow.Table in parts, most of them its buffers, without a copy.

    ``validate``: whether the table may be invalid. Raises Unfit, naming the column.
    """
    for field in table.schema:
        check_field(pa, field)
    if table.num_rows > limits.MAX_EMPTY_SHAPE:
        raise Unfit(f"has {table.num_rows} rows, and cannot be stored. Return a part of it.")
    if validate:
        try:
            table.validate(full=True)
        except pa.ArrowInvalid as error:
            raise Unfit(f"is invalid: {error}. Make it from valid data.") from None
    parts = _written(pa, table)
    if _is_too_large(table, sum(map(len, parts))):  # chunks share a dictionary, written once
        try:
            parts = _written(pa, table.combine_chunks())
        except pa.ArrowException as error:
            raise Unfit(f"has chunks that cannot be joined: {error}. Join them first.") from None
    return parts


def _written(pa: Any, table: Any) -> list[Any]:
    sink = _Parts()
    options = pa.ipc.IpcWriteOptions()
    with (
        pa.PythonFile(sink, mode="w") as file,
        pa.ipc.new_stream(file, table.schema, options=options) as writer,
    ):
        writer.write_table(table)
    return sink.parts


def _is_too_large(table: Any, size: int) -> bool:
    """Return whether the columns and their dictionaries have more bytes than their stream."""
    return bool(table.nbytes > size + _SLACK)


def arrow_item(pa: Any, array: Any, *, validate: bool = False) -> object:
    """Return an Array or a ChunkedArray for the packer, as a table of one column without a name."""
    try:
        return bulk(write_table(pa, pa.table([array], names=[""]), validate=validate), apart=True)
    except Unfit as unfit:
        raise Unfit(unfit.reason) from None


class _Parts:
    """A file that keeps what is written to it: pyarrow writes its own buffers, not copies."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[Any] = []

    def write(self, part: Any) -> int:
        self.parts.append(part)
        return len(part)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def check_field(pa: Any, field: Any) -> None:
    """Raise Unfit if a column has a type or metadata that is not read back."""
    odd = _odd_type(pa, field.type)
    if odd is not None:
        advice = _advice(pa, odd)
        raise Unfit(
            f"has the Arrow type {odd}, which cannot be stored. {advice}", f"[{field.name!r}]"
        )
    if any(b"ARROW:extension" in key for key in field.metadata or ()):
        raise Unfit(
            "has metadata that names an extension type, which cannot be stored. Remove it: "
            "field.remove_metadata().",
            f"[{field.name!r}]",
        )


def _advice(pa: Any, odd: Any) -> str:
    types = pa.types
    if isinstance(odd, pa.BaseExtensionType):
        return "Use the storage of its array: column.storage."
    if types.is_run_end_encoded(odd):
        return "Use pyarrow.compute.run_end_decode(column)."
    if types.is_string_view(odd):
        return "Use column.cast(pyarrow.large_string())."
    if types.is_binary_view(odd):
        return "Use column.cast(pyarrow.large_binary())."
    return "Cast it to a list, a struct or text."


# -- types ----------------------------------------------------------------------------------------


def _odd_type(pa: Any, kind: Any) -> Any | None:
    """Return the type, or the type within it, that is not supported; None if all are.

    Views, unions and run-end encoding are not: small buffers of them describe any amount of data.
    """
    types = pa.types
    if types.is_nested(kind) or types.is_dictionary(kind):
        inner = _inner_types(types, kind)
        if not inner:
            return kind
        return next((odd for item in inner if (odd := _odd_type(pa, item)) is not None), None)
    plain = (
        types.is_null(kind)
        or types.is_boolean(kind)
        or (types.is_primitive(kind) and not types.is_interval(kind))
        or (types.is_decimal(kind) and abs(kind.scale) <= _MAX_SCALE)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or (types.is_fixed_size_binary(kind) and kind.byte_width > 0)
    )
    return None if plain and not isinstance(kind, pa.BaseExtensionType) else kind


def _inner_types(types: Any, kind: Any) -> list[Any]:
    """Return the types within a type; none for a type that is not supported."""
    if types.is_dictionary(kind):
        return [kind.value_type]
    if types.is_list(kind) or types.is_large_list(kind):
        return [kind.value_type]
    if types.is_fixed_size_list(kind):
        sized = kind.list_size > 0 and not types.is_null(kind.value_type)
        return [kind.value_type] if sized else []
    if types.is_map(kind):
        return [kind.key_type, kind.item_type]
    if types.is_struct(kind):
        return [kind.field(place).type for place in range(kind.num_fields)]
    return []


# -- reading --------------------------------------------------------------------------------------


def read_table(data: object) -> Any:
    """Return the pyarrow.Table of a stream, which refers to `data`. Raises BrokenValue."""
    if not isinstance(data, bytes | memoryview):
        raise BrokenValue("a table of Arrow without bytes")
    pa = needed("pyarrow")
    try:
        check_envelope(memoryview(data))
    except struct.error:
        raise BrokenValue("a table of Arrow is cut off") from None
    try:
        table = pa.ipc.open_stream(pa.py_buffer(data)).read_all()
        _check_table(pa, table, len(data))
    except (pa.ArrowException, OSError, OverflowError, ValueError, UnicodeError) as error:
        raise BrokenValue(f"a table of Arrow is damaged: {str(error)[:200]}") from None
    return table


def read_array(data: object) -> Any:
    """Return the ChunkedArray that `arrow_item` wrote. Raises BrokenValue."""
    table = read_table(data)
    if table.num_columns != 1:
        raise BrokenValue(f"an array of Arrow has {table.num_columns} columns")
    return table.column(0)


def _check_table(pa: Any, table: Any, size: int) -> None:
    for field in table.schema:
        if _odd_type(pa, field.type) is not None:
            raise BrokenValue(f"a table of Arrow has a type that is not supported: {field.type}")
    if table.num_rows > limits.MAX_EMPTY_SHAPE:
        raise BrokenValue("a table of Arrow claims more rows than it can have")
    table.validate()
    if _is_too_large(table, size):  # first, since the next check takes time for each byte
        raise BrokenValue("the columns of a table of Arrow share their bytes")
    for column in table.columns:
        for chunk in column.chunks:
            _as_bytes_if_ascii(pa, chunk).validate(full=True)


def _as_bytes_if_ascii(pa: Any, array: Any) -> Any:
    """Return an array of ASCII text as bytes: then validating it need not look at each text."""
    if array.type == pa.large_string() and len(array):
        data = array.buffers()[2]
        if data is None or not data.size or needed("numpy").frombuffer(data, "u1").max() < 128:
            return array.view(pa.large_binary())
    return array
