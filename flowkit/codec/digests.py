"""A digest of values, of 32 characters, that is the same in every process.

Equal values of equal types have the same digest, independent of the order of sets and dicts. Values
of different types (``1`` and ``1.0``) have different digests. Only values that the typed codec
supports have a digest, since other values have no stable form.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from .classes import class_label, field_names, is_dataclass_type, is_named_tuple
from .libraries import portable
from .packing import pack
from .table_digests import table_parts

_NO_LIMIT = 2**40
_SIZE_BYTES = 8


def digest(value: object, root: str) -> str:
    """Return the digest of a value. ``root``: what error messages call the value.

    Raises CodecError, with the path of the part, for a value that cannot be stored.
    """
    pack(value, root=root, max_bytes=_NO_LIMIT)  # checks all of it: types, depth, cycles
    return hashlib.blake2b(_canonical(value), digest_size=16).hexdigest()


def _canonical(value: Any) -> bytes:
    """Return bytes that are the same for equal values."""
    kind = type(value)
    if kind in (set, frozenset):
        return joined(kind.__name__, sorted(map(_canonical, value)))
    if kind is dict:
        pairs = [joined("", map(_canonical, pair)) for pair in value.items()]
        return joined("dict", sorted(pairs))
    if kind in (list, tuple):
        return joined(kind.__name__, map(_canonical, value))
    if kind is OrderedDict:
        return joined("OrderedDict", (_canonical(pair) for pair in value.items()))
    if kind is range:
        return joined("range", map(_pack, _equal_range(value)))
    if not issubclass(kind, Enum):
        if is_named_tuple(kind):
            return joined(class_label(kind), map(_canonical, value))
        if is_dataclass_type(kind):
            fields = (getattr(value, name) for name in field_names(kind))
            return joined(class_label(kind), map(_canonical, fields))
    parts = table_parts(value, _pack)
    if parts is not None:
        return joined("table", map(_canonical, parts))
    with portable():  # the form of text must not depend on it
        return joined("=", [_pack(value)])


def _equal_range(value: range) -> tuple[int, ...]:
    """Return numbers that are the same for ranges of the same elements."""
    if not value:
        return ()
    count = (value[-1] - value.start) // value.step + 1
    return (value.start, count, value.step) if count > 1 else (value.start, 1)


def _pack(value: object) -> bytes:
    return pack(value, max_bytes=_NO_LIMIT)


def joined(name: str, parts: Iterable[bytes]) -> bytes:
    """Join parts so that different lists of parts give different bytes."""
    pieces = [name.encode(), *parts]
    sizes = [len(part).to_bytes(_SIZE_BYTES, "big") for part in pieces]
    return b"".join(piece for pair in zip(sizes, pieces, strict=True) for piece in pair)
