"""Tables of Arrow as bytes: the streaming format of Arrow IPC, as one message after another.

The bytes are untrusted when they are read, and Arrow reads buffers where they are, without a copy.
So each stream passes three checks before anything uses it:

1. *Before Arrow reads it*, the envelope of each message is parsed here. Compressed bodies are
   refused: a few bytes can claim any uncompressed size. The schema must not name an extension type:
   reading one calls the code of whoever registered it (old releases of pyarrow even unpickled it).
2. *After*, each type must be one of `_plain_type`, and the buffers of all columns together must not
   exceed the stream: several columns may point to the same bytes.
3. `validate(full=True)` checks offsets, indices, UTF-8 and lengths. Without it, a wrong offset is
   read as an address.
"""

from __future__ import annotations

import struct
from typing import Any

from . import limits
from .bulk import bulk
from .errors import BrokenValue, Unfit
from .libraries import needed, pyarrow

_NO_ARROW = (
    "cannot be stored without pyarrow of release 17 or newer. Install it wherever such values are "
    "made or read: pip install 'pyarrow>=17', which is flowkit's extra [arrow]."
)
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_VERSION = 4  # "V5", the only one without the compression of old releases
_CONTINUED = 0xFFFFFFFF
_MAX_SCALE = 76  # digits of the widest decimal
_SLACK = 4096  # of the sizes of buffers: padding and validity bits


# -- writing --------------------------------------------------------------------------------------


def arrow() -> Any:
    """Return pyarrow for a value that is stored with it. Raises Unfit if it is not installed."""
    found = pyarrow()
    if found is None:
        raise Unfit(_NO_ARROW)
    return found


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
    sink = _Parts()
    options = pa.ipc.IpcWriteOptions()
    with (
        pa.PythonFile(sink, mode="w") as file,
        pa.ipc.new_stream(file, table.schema, options=options) as writer,
    ):
        writer.write_table(table)
    return sink.parts


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
        return next((odd for one in inner if (odd := _odd_type(pa, one)) is not None), None)
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
    for column in table.columns:
        for chunk in column.chunks:
            _as_bytes_if_ascii(pa, chunk).validate(full=True)
    if table.nbytes > size + _SLACK:
        raise BrokenValue("the columns of a table of Arrow share their bytes")


def _as_bytes_if_ascii(pa: Any, array: Any) -> Any:
    """Return an array of ASCII text as bytes: then validating it need not look at each text."""
    if array.type == pa.large_string() and len(array):
        data = array.buffers()[2]
        if data is None or not data.size or needed("numpy").frombuffer(data, "u1").max() < 128:
            return array.view(pa.large_binary())
    return array


def check_envelope(data: memoryview) -> None:
    """Check the messages of a stream, without reading their bodies.

    Raises BrokenValue, or struct.error if a message ends before its content does.
    """
    at, first = 0, True
    while True:
        mark, size = _unpack("<Ii", data, at)
        if mark != _CONTINUED or size < 0:
            raise BrokenValue("a table of Arrow has a message without a beginning")
        at += 8
        if size == 0:
            if at != len(data) or first:
                raise BrokenValue("a table of Arrow ends at another place than its bytes")
            return
        at += size + _check_message(data[at : at + size], is_schema=first)
        first = False


def _check_message(message: memoryview, *, is_schema: bool) -> int:
    """Check one message, and return the length of its body."""
    root = _Table(message, _unpack("<I", message, 0)[0])
    version, kind = root.number(0, "<h"), root.number(1, "<B")
    body = root.number(3, "<q")
    if version != _VERSION or body < 0 or root.has(4):
        raise BrokenValue("a table of Arrow has a message of an unknown version")
    if is_schema:
        if kind != _SCHEMA or body or b"ARROW:extension" in bytes(message):
            raise BrokenValue("a table of Arrow has no schema, or one with an extension type")
        return 0
    if kind not in (_DICTIONARY, _BATCH):
        raise BrokenValue("a table of Arrow has a message that is no part of a table")
    batch = root.table(2)
    if kind == _DICTIONARY:
        batch = batch.table(1)
    if batch.has(3) or batch.number(0, "<q") > limits.MAX_EMPTY_SHAPE:
        raise BrokenValue("a table of Arrow is compressed, which is not allowed")
    return body


class _Table:
    """One table of the flatbuffers format, as far as it is needed. Each access is checked."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - _unpack("<i", data, at)[0]
        self._size = _unpack("<H", data, self._fields)[0]

    def _place(self, slot: int) -> int:
        entry = 4 + 2 * slot
        if entry + 2 > self._size:
            return 0
        offset: int = _unpack("<H", self._data, self._fields + entry)[0]
        return self._at + offset if offset else 0

    def has(self, slot: int) -> bool:
        return self._place(slot) != 0

    def number(self, slot: int, form: str) -> int:
        place = self._place(slot)
        return int(_unpack(form, self._data, place)[0]) if place else 0

    def table(self, slot: int) -> _Table:
        place = self._place(slot)
        if not place:
            raise BrokenValue("a table of Arrow lacks a part")
        return _Table(self._data, place + _unpack("<I", self._data, place)[0])


def _unpack(form: str, data: memoryview, at: int) -> tuple[Any, ...]:
    if at < 0:  # which would count from the end
        raise struct.error
    return struct.unpack_from(form, data, at)
