"""Decoders for display in a process that must not touch classes and libraries for it.

A stored value may name any loaded class, and may need numpy or pandas. Here nothing is looked up
and nothing is imported: a record becomes a ``Record`` with its fields, an enum text, and a value of
a library an ``Undecoded``, which says what it is. Its bytes are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .classes import UnknownRecord
from .errors import BrokenValue
from .wire import Code

MOST_ABOUT = 100  # characters


class Record(UnknownRecord):
    """The fields of a dataclass or a named tuple. ``kind``: the name of its class."""

    kind = ""


class Undecoded:
    """A value of a library, which was not decoded. ``kind``: what it is. ``about``: more of it."""

    __slots__ = ("about", "kind")

    def __init__(self, kind: str, about: str = "") -> None:
        self.kind, self.about = kind, about

    def __repr__(self) -> str:
        return f"<{self.kind}{': ' * bool(self.about)}{self.about}>"


# What people call the values of libraries.
_KINDS = {
    Code.ARRAY: "numpy array",
    Code.ARRAY_SCALAR: "numpy scalar",
    Code.OBJECTS: "numpy array",
    Code.ARROW_OBJECTS: "numpy array",
    Code.STRUCTURED: "numpy array",
    Code.INDEX: "pandas Index",
    Code.RANGE_INDEX: "pandas RangeIndex",
    Code.TYPED_INDEX: "pandas Index",
    Code.MULTI_INDEX: "pandas MultiIndex",
    Code.SERIES: "pandas Series",
    Code.TYPED_SERIES: "pandas Series",
    Code.FRAME: "pandas DataFrame",
    Code.TYPED_FRAME: "pandas DataFrame",
    Code.TIMESTAMP: "pandas Timestamp",
    Code.PANDAS_SCALAR: "pandas scalar",
    Code.CATEGORICAL: "pandas Categorical",
    Code.DATETIMES: "pandas datetimes",
    Code.MASKED: "pandas array",
    Code.TEXTS: "pandas array",
    Code.ARROW_BACKED: "pandas array",
    Code.PERIODS: "pandas periods",
    Code.INTERVALS: "pandas intervals",
    Code.ARROW: "pyarrow value",
    Code.POLARS: "polars value",
}


def _library(code: Code, items: list[Any]) -> Undecoded:
    kind, about = _KINDS[code], ""
    if code is Code.ARRAY and len(items) > 3 and type(items[0]) is str:
        about = f"{items[0]}, shape {tuple(items[3:])}"
    elif code in (Code.ARROW, Code.POLARS) and items and type(items[0]) is str:
        about = items[0]
    return Undecoded(kind, about[:MOST_ABOUT])


def _enum(items: list[Any]) -> str:
    label, *members = items
    if not all(type(item) is str for item in items):
        raise BrokenValue("the name of an enum or of a member is not text")
    return f"{label.rpartition(':')[2]}.{'|'.join(members) or '0'}"


def _record(items: list[Any]) -> Record:
    label, names, values = items[0], items[1::2], items[2::2]
    if not all(type(name) is str for name in (label, *names)) or len(names) != len(values):
        raise BrokenValue("the class or the fields of a record are damaged")
    record = Record(zip(names, values, strict=True))
    record.kind = label.rpartition(":")[2]
    return record


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    **{int(code): partial(_library, code) for code in _KINDS},
    int(Code.ENUM): _enum,
    int(Code.DATACLASS): _record,
    int(Code.NAMED_TUPLE): _record,
}
