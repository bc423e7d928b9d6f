"""Convert results to JSON values for ``--json``. The conversion is lenient and not reversible.

    datetime, date, time            ISO 8601 text
    timedelta                       seconds
    bytes, bytearray                {"base64": "…"}
    tuple, set, frozenset, deque    list (sets sorted by text)
    dataclass                       object with its fields
    Enum                            its value
    Decimal, UUID, Path, range      text
    NaN and the infinities          text: "NaN", "Infinity", "-Infinity"
    int with very many digits       text, in hexadecimal: Python refuses to write it in decimal
    dict with non-text keys         object with the keys as text; if two keys would be equal,
                                    a list of [key, value]
    numpy, pandas, polars, pyarrow  number, nested list, list of records
    anything else                   a short description, as text

Text keeps every character. The JSON is written in ASCII, so it cannot control a terminal.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import math
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .describe import describe

_TEXT = (Decimal, UUID, PurePath, range)
_SIMPLE = {str, int, bool, type(None)}
_BITS_PER_DIGIT = 3  # rounded down from 3.32
# How tables become lists of records, and series lists of values.
_ROWS = {("polars", "DataFrame"): "to_dicts", ("polars", "Series"): "to_list"}
MOST_CELLS = 10_000_000  # a larger array or table is only described


def plain(value: object) -> object:
    """Return a value that strict ``json.dumps`` accepts."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value) if _fits_decimal(value) else hex(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value, key=_sort_text)]
    if isinstance(value, list | tuple | deque):
        return list(value) if _is_plain(value) else [plain(item) for item in value]
    return _uncommon(value)


def _is_plain(values: Iterable[object]) -> bool:
    """Return whether all items stay as they are. A run of 10,000 tasks has lists of that length."""
    kinds = set(map(type, values))
    if not kinds <= _SIMPLE:
        return False
    return int not in kinds or all(item.bit_length() < 64 for item in values if type(item) is int)


def _fits_decimal(value: int) -> bool:
    digits = sys.get_int_max_str_digits()  # 0: no limit
    return not digits or value.bit_length() <= _BITS_PER_DIGIT * digits


def _uncommon(value: object) -> object:
    if isinstance(value, bytes | bytearray):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, _TEXT):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name, None)) for name in names}
    return _array(value)


def _sort_text(item: object) -> str:
    return describe(item, 1000)  # never raises


def _number(value: float) -> object:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _object(value: Mapping[object, object]) -> object:
    keys = [key if isinstance(key, str) else _key(key) for key in value]
    if len(set(keys)) == len(keys):
        return {key: plain(item) for key, item in zip(keys, value.values(), strict=True)}
    return [[plain(key), plain(item)] for key, item in value.items()]


def _key(key: object) -> str:
    shown = plain(key)
    return shown if isinstance(shown, str) else describe(key)


def _cells(value: object) -> int:
    """Return the number of items in an array or a table. Even one of zero bytes may have many."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return max((math.prod(max(length, 1) for length in shape), *shape), default=0)


def _array(value: Any) -> object:
    """Convert arrays and tables. The module name identifies them; no library is imported."""
    library = type(value).__module__.partition(".")[0]
    if library in ("numpy", "pandas", "polars", "pyarrow") and _cells(value) > MOST_CELLS:
        return describe(value)
    convert = _ROWS.get((library, type(value).__name__))
    if convert is not None:
        return plain(getattr(value, convert)())
    if library == "pyarrow" and hasattr(value, "to_pylist"):
        return plain(value.to_pylist()) if len(value) <= MOST_CELLS else describe(value)
    if library == "pandas" and hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [plain(record) for record in value.to_dict(orient="records")]
    if library in ("numpy", "pandas") and hasattr(value, "tolist"):
        return plain(value.tolist())
    return describe(value)
