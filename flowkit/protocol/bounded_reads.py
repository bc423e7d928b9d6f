"""Reading fields of hashes within bounds.

Other programs can write to Redis too. Sizes are read first, so that an oversized field is never
transferred. A field that cannot be read becomes a ``CorruptData`` beside the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .decoding import CorruptData
from .link import Link
from .reply_errors import WrongType

WRONG_KEY = "its key holds another kind of value"


LAST_ENTRY = f"{2**64 - 1}-{2**64 - 1}"  # Redis has no entries behind it, and refuses to look


class Field(NamedTuple):
    """A field of a hash, and its maximum size in bytes."""

    key: str
    name: object
    longest: int


def read_list(link: Link, command: str, key: str, *words: object) -> list[bytes]:
    """Return a reply that is a list. Raises CorruptData if the key holds a wrong type."""
    try:
        items: list[bytes] = link.call(command, key, *words)
    except WrongType:
        raise CorruptData(
            f"the list {key!r} in Redis is damaged: {WRONG_KEY}. See who else can write to "
            "that Redis, and delete the key"
        ) from None
    return items


def read_in_bounds(link: Link, fields: Sequence[Field]) -> list[bytes | CorruptData | None]:
    """Return the values of these fields, CorruptData for a field that is too long or in a key
    of a wrong type. Two round trips, the second for the fields that exist.
    """
    sizes: list[Any] = link.batch_each([("HSTRLEN", key, name) for key, name, _ in fields])
    wanted: dict[str, list[int]] = {}
    for at, size in enumerate(sizes):
        if not isinstance(size, WrongType) and 0 < size <= fields[at].longest:
            wanted.setdefault(fields[at].key, []).append(at)
    commands = [("HMGET", key, *(fields[at].name for at in ats)) for key, ats in wanted.items()]
    read: dict[int, bytes | None] = {}
    for ats, values in zip(wanted.values(), link.batch_each(commands), strict=True):
        if not isinstance(values, WrongType):  # it was a hash a moment ago
            read.update(zip(ats, values, strict=True))
    return [
        read[at] if at in read else _unread(field, size)
        for at, (field, size) in enumerate(zip(fields, sizes, strict=True))
    ]


def _unread(field: Field, size: Any) -> CorruptData | None:
    if isinstance(size, WrongType):
        return CorruptData(WRONG_KEY)
    return CorruptData(f"its field {field.name} has {size} bytes") if size else None


def whole(value: bytes | CorruptData | None) -> bytes | None:
    """Return a value that was read, or raise its CorruptData."""
    if isinstance(value, CorruptData):
        raise value
    return value
