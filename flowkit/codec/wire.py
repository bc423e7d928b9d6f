"""The representation of typed values in msgpack: extension codes, marks, the table of types.

There are two shapes. A *payload* code has the value in the bytes of the extension. A *head* code
has no bytes: it is the first item of an array, and the other items are the value. With heads,
everything is in one msgpack document, so nested values are not packed twice. User data cannot forge
a head: extension objects are refused when packing.

Codes are part of the stored format. A code is never reused and never changes its meaning;
a new layout takes a new code, and an older reader refuses it by number.

    code  shape    type                     content
    ----  -------  -----------------------  ------------------------------------------------
       1  payload  int beyond 64 bits       signed, little-endian, shortest
       2  payload  bytearray                its bytes
       3  payload  complex                  two little-endian doubles
       4  payload  Decimal                  its text, ASCII
       5  payload  UUID                     16 bytes, big-endian
       6  payload  pathlib path             one byte of flavour, then its text in UTF-8
       7  payload  bytes that lie apart     their number (bulk.py)
      32  head     tuple                    items
      33  head     set                      items
      34  head     frozenset                items
      35  head     OrderedDict              key, value, key, value, …
      36  head     datetime                 y, m, d, H, M, S, us, fold [, zone]
      37  head     date                     y, m, d
      38  head     time                     H, M, S, us, fold [, zone]
      39  head     timedelta                days, seconds, us
      40  head     Enum                     class, member name, … (several: a Flag)
      41  head     dataclass                class, field, value, field, value, …
      42  head     named tuple              class, field, value, field, value, …
      43  head     numpy array              dtype, order "C" or "F", bytes, shape…
      44  head     numpy scalar             dtype, bytes (or "U"/"S" and the text)
      45  head     pandas Index             dtype, values, name, frequency or None
      46  head     pandas RangeIndex        start, stop, step, name
      47  head     pandas Series            dtype, values, name, index, attrs
      48  head     pandas DataFrame         columns, index, attrs, dtype, values, …
      49  head     pandas Timestamp         count, unit [, zone]
      50  head     numpy array of objects   shape, item, …
      51  head     numpy array of objects   kind of items, Arrow stream of one column
      52  head     structured numpy array   layout, shape, array of a field, …
      53  head     pandas Categorical       ordered, codes, categories (an Index)
      54  head     pandas datetimes         array in UTC [, zone]; or timedeltas
      55  head     pandas masked array      dtype, values, mask
      56  head     pandas text array        "str" or "string", storage, list or Arrow stream
      57  head     pandas Arrow array       Arrow stream of one column
      58  head     pandas Period array      frequency, ordinals
      59  head     pandas Interval array    closed, left, right
      60  head     pandas Index             array, name, frequency or None
      61  head     pandas MultiIndex        names, level, codes, level, codes, …
      62  head     pandas Series            array, name, index, attrs, unique labels
      63  head     pandas DataFrame         columns, index, attrs, unique labels, array, …
      64  head     pandas scalar            class, field, …
      65  head     pyarrow table, array     class, Arrow stream
      66  head     polars frame, series     class, names, Arrow stream
      67  head     value with bytes apart   document, padding, bytes, … (bulk.py)
      68  head     range                    start, stop, step

    class:  "module:qualname"
    layout: itemsize, aligned, [name, offset, shape, dtype or layout], …
    zone:   microseconds from UTC [, name]   or   the key of a ZoneInfo [, "pytz"]
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any, TypeVar

import msgpack

T = TypeVar("T")

HEADS_FROM = 32


class Code(IntEnum):
    """The extension codes; see the table above."""

    BIG_INT = 1
    BYTEARRAY = 2
    COMPLEX = 3
    DECIMAL = 4
    UUID = 5
    PATH = 6
    PIECE = 7
    TUPLE = 32
    SET = 33
    FROZENSET = 34
    ORDERED_DICT = 35
    DATETIME = 36
    DATE = 37
    TIME = 38
    TIMEDELTA = 39
    ENUM = 40
    DATACLASS = 41
    NAMED_TUPLE = 42
    ARRAY = 43
    ARRAY_SCALAR = 44
    INDEX = 45
    RANGE_INDEX = 46
    SERIES = 47
    FRAME = 48
    TIMESTAMP = 49
    OBJECTS = 50
    ARROW_OBJECTS = 51
    STRUCTURED = 52
    CATEGORICAL = 53
    DATETIMES = 54
    MASKED = 55
    TEXTS = 56
    ARROW_BACKED = 57
    PERIODS = 58
    INTERVALS = 59
    TYPED_INDEX = 60
    MULTI_INDEX = 61
    TYPED_SERIES = 62
    TYPED_FRAME = 63
    PANDAS_SCALAR = 64
    ARROW = 65
    POLARS = 66
    APART = 67
    RANGE = 68


class HeadMark:
    """A head code during unpacking; `revive` gets the items after it."""

    __slots__ = ("revive",)

    def __init__(self, revive: Callable[[list[Any]], object]) -> None:
        self.revive = revive


def payload(code: Code, data: bytes) -> msgpack.ExtType:
    """Return the extension of a payload code with `data`."""
    return msgpack.ExtType(int(code), data)


# Created once: heads have no content, and this is the hot path of tuples.
HEADS = {code: msgpack.ExtType(int(code), b"") for code in Code if code >= HEADS_FROM}


def cached_by_class(function: Callable[[type], T]) -> Callable[[type], T]:
    """Cache a function of a class, for a bounded number of classes. Errors are not cached."""
    return lru_cache(maxsize=1024)(function)
