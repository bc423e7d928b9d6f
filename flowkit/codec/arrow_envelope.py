"""The envelopes of the messages in a stream of Arrow IPC, checked before Arrow reads any of them.

Refused is what lets a few bytes claim any size, or runs code:

- Compressed bodies, and dictionaries in parts: each part makes Arrow copy the parts before it.
- Parts of a schema that are used more than once. The format allows that each field has the same
  name, of which Arrow makes one copy per field.
- Lengths beyond what a table may have: nulls within a list take no bytes.
- Another byte order. Arrow would copy each buffer, also if columns share them.
- An extension type: reading one calls the code of whoever registered it (old releases of pyarrow
  even unpickled it).
"""

from __future__ import annotations

import struct
import sys
from typing import Any

from . import limits
from .errors import BrokenValue

_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_VERSION = 4  # "V5", the only one without the compression of old releases
_CONTINUED = 0xFFFFFFFF
_TIMESTAMP = 10
_LEAST_FIELD, _LEAST_PAIR = 32, 16  # bytes that a field or a pair of metadata takes at least


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
        _check_schema(root.table(2), len(message))
        return 0
    if kind not in (_DICTIONARY, _BATCH):
        raise BrokenValue("a table of Arrow has a message that is no part of a table")
    batch = root.table(2)
    if kind == _DICTIONARY:
        if batch.number(2, "<?"):
            raise BrokenValue("a table of Arrow has a dictionary in parts")
        batch = batch.table(1)
    if batch.has(3):
        raise BrokenValue("a table of Arrow is compressed, which is not allowed")
    if max(batch.number(0, "<q"), *batch.first_numbers(1), 0) > limits.MAX_EMPTY_SHAPE:
        raise BrokenValue("a table of Arrow claims more rows than it can have")
    return body


def _check_schema(schema: _Table, size: int) -> None:
    """Refuse a schema of another byte order, or one whose parts are used more than once."""
    if schema.number(0, "<h") != (sys.byteorder == "big"):
        raise BrokenValue("a table of Arrow was written by a machine of another byte order")
    parts = _Parts(size)
    walk = parts.tables(schema, 1, _LEAST_FIELD)
    parts.take_metadata(schema, 2)
    for field in walk:  # grows while it is walked
        parts.take(field.length(0))
        parts.take_metadata(field, 6)
        if field.number(2, "<B") == _TIMESTAMP:
            parts.take(field.table(3).length(1))  # of the time zone
        walk += parts.tables(field, 5, _LEAST_FIELD)


class _Parts:
    """The bytes that the parts of a schema take, which must not be more than it has."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BrokenValue("the fields of a table of Arrow share their bytes")

    def tables(self, table: _Table, slot: int, least: int) -> list[_Table]:
        """Return the tables of a vector, each of which takes at least so many bytes."""
        self.take(least * table.length(slot))
        return table.tables(slot)

    def take_metadata(self, table: _Table, slot: int) -> None:
        for pair in self.tables(table, slot, _LEAST_PAIR):
            self.take(pair.length(0) + pair.length(1))


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

    def length(self, slot: int) -> int:
        """Return the length of a text or a vector, 0 if there is none."""
        place = self._place(slot)
        if not place:
            return 0
        (length,) = _unpack("<I", self._data, place + _unpack("<I", self._data, place)[0])
        return int(length)

    def first_numbers(self, slot: int) -> tuple[int, ...]:
        """Return the first number of each pair in a vector of pairs."""
        count, place = self.length(slot), self._place(slot)
        if not count:
            return ()
        at = place + _unpack("<I", self._data, place)[0] + 4
        return _unpack(f"<{2 * count}q", self._data, at)[::2]

    def tables(self, slot: int) -> list[_Table]:
        """Return the tables of a vector, none if there is no vector."""
        count, place = self.length(slot), self._place(slot)
        if not count:
            return []
        at = place + _unpack("<I", self._data, place)[0] + 4
        offsets = _unpack(f"<{count}I", self._data, at)
        return [
            _Table(self._data, at + 4 * number + offset) for number, offset in enumerate(offsets)
        ]


def _unpack(form: str, data: memoryview, at: int) -> tuple[Any, ...]:
    if at < 0:  # which would count from the end
        raise struct.error
    return struct.unpack_from(form, data, at)
