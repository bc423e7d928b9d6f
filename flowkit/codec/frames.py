"""Codecs of pandas tables of plain dtypes.

A column is stored as a numpy array, or as a list if it contains text (the `str` dtype of pandas)
or, in an object column, only text, numbers, bools and None. Everything else (categories, zones,
nullable and Arrow dtypes, multi-level indexes) is refused with the conversion to use. Decoding
checks that pandas created the stored dtype, since releases infer dtypes differently.

pandas can fill a table of any length from one value, and parses text. So every argument is checked
before it is passed to pandas: values are a one-dimensional array or a list of plain items, as many
as the index has; numbers are int; a frequency is short, and only used with strictly ordered values
(otherwise pandas hashes them, with a predictable hash).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from .advice import column_advice
from .arrays import dtype_name
from .builtins import decode_zone, encode_zone
from .errors import BrokenValue, Unfit
from .limits import MAX_FREQUENCY
from .wire import HEADS, Code

_OBJECT_ITEMS = frozenset({str, type(None), bool, int, float})
_LISTED = {"str": frozenset({str, type(None)}), "object": _OBJECT_ITEMS}
_FREQUENCY = re.compile(r"-?[0-9]*[A-Za-z]+(?:-[A-Z0-9]+)*")


def _column(column: Any, suffix: str = "") -> tuple[str, object]:
    """Return the name of the dtype and the values of a Series or an Index."""
    pd, np = sys.modules["pandas"], sys.modules["numpy"]
    dtype = column.dtype
    if isinstance(dtype, pd.StringDtype) and str(dtype) == "str":
        missing = column.isna()
        texts = zip(column, missing, strict=True)
        return "str", [None if gone else text for text, gone in texts]
    if isinstance(dtype, np.dtype):
        if dtype.kind != "O":
            return dtype_name(dtype), column.to_numpy()
        values = list(column)
        if _OBJECT_ITEMS.issuperset(map(type, values)):
            return "object", values
    raise Unfit(
        f"has values of dtype {dtype}, which cannot be stored. {column_advice(column)}",
        suffix,
    )


def _same_dtype(made: Any, name: str) -> Any:
    actual = str(made.dtype) if name in ("str", "object") else made.dtype.str
    if actual != name:
        raise BrokenValue(f"the installed pandas gives {actual!r} for the stored dtype {name!r}")
    return made


def _listed(name: str, values: Any) -> object:
    """Return the dtype argument for a constructor, None for arrays, which have a dtype.

    Raises BrokenValue unless the values are a one-dimensional array or a list of plain items.
    """
    import numpy as np

    if type(values) is list and name in _LISTED and _LISTED[name].issuperset(map(type, values)):
        return name
    if type(values) is np.ndarray and values.ndim == 1 and name not in _LISTED:
        return None
    raise BrokenValue("the values of a table have the wrong form")


def _attributes(attrs: object) -> dict[Any, Any]:
    if type(attrs) is not dict:
        raise BrokenValue("the attributes of a table are not a dictionary")
    return attrs


def _encode_index(index: Any) -> object:
    pd = sys.modules["pandas"]
    name, values = _column(index)
    frequency = getattr(index, "freqstr", None)
    if frequency is not None and (
        not _is_frequency(frequency) or pd.tseries.frequencies.to_offset(frequency) != index.freq
    ):
        raise Unfit(
            f"has the frequency {index.freq!r}, which cannot be stored. "
            "Clear it: index.freq = None."
        )
    return [HEADS[Code.INDEX], name, values, index.name, frequency]


def _decode_index(items: list[Any]) -> object:
    import pandas as pd

    dtype, values, name, frequency = items
    index = pd.Index(values, dtype=_listed(dtype, values), name=name)
    made = _same_dtype(index, dtype)
    if frequency is not None:
        if not (_is_frequency(frequency) and _is_strictly_ordered(values)):
            raise BrokenValue("an index has a frequency that its values cannot have")
        made.freq = frequency  # checked by pandas against the values
    return made


def _is_frequency(text: object) -> bool:
    return type(text) is str and len(text) <= MAX_FREQUENCY and bool(_FREQUENCY.fullmatch(text))


def _is_strictly_ordered(values: Any) -> bool:
    if values.dtype.kind not in "mM":
        return False
    counts = values.view(values.dtype.str[0] + "i8")
    return bool((counts[1:] > counts[:-1]).all() or (counts[1:] < counts[:-1]).all())


def _encode_range_index(index: Any) -> object:
    return [HEADS[Code.RANGE_INDEX], index.start, index.stop, index.step, index.name]


def _decode_range_index(items: list[Any]) -> object:
    import pandas as pd

    start, stop, step, name = items
    if {type(start), type(stop), type(step)} != {int}:
        raise BrokenValue("a range index that is not made of whole numbers")
    len(range(start, stop, step))  # OverflowError if it has no length
    return pd.RangeIndex(start, stop, step, name=name)


def _encode_series(series: Any) -> object:
    name, values = _column(series)
    return [HEADS[Code.SERIES], name, values, series.name, series.index, dict(series.attrs)]


def _decode_series(items: list[Any]) -> object:
    import pandas as pd

    dtype, values, name, index, attrs = items
    listed = _listed(dtype, values)
    _check_length(values, _index(index))
    series = pd.Series(values, dtype=listed, name=name, index=index)
    series.attrs = _attributes(attrs)
    return _same_dtype(series, dtype)


def _encode_frame(frame: Any) -> object:
    items = [HEADS[Code.FRAME], frame.columns, frame.index, dict(frame.attrs)]
    for position, label in enumerate(frame.columns):
        items += _column(frame.iloc[:, position], f"[{label!r}]")
    return items


def _decode_frame(items: list[Any]) -> object:
    import pandas as pd

    columns, index, attrs, *rest = items
    _check_length(rest[::2], _index(columns))
    arrays = {}
    for position, (dtype, values) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        listed = _listed(dtype, values)
        _check_length(values, _index(index))
        arrays[position] = _same_dtype(pd.Series(values, dtype=listed), dtype).array
    frame = pd.DataFrame(arrays, index=_index(index))
    # Set afterwards, since labels may repeat and keys of a dict may not.
    frame.columns = columns
    frame.attrs = _attributes(attrs)
    return frame


def _check_length(values: Any, index: Any) -> None:
    """Refuse values that pandas would repeat or cut to the length of the index."""
    if len(values) != len(index):
        raise BrokenValue(f"a table of {len(index)} items has {len(values)}")


def _index(value: Any) -> Any:
    import pandas as pd

    if not isinstance(value, pd.Index):
        raise BrokenValue("a table without an index")
    return value


def _encode_timestamp(stamp: Any) -> object:
    np = sys.modules["numpy"]
    count = stamp.asm8  # in UTC if the timestamp has a zone
    unit = np.datetime_data(count.dtype)[0]
    return [HEADS[Code.TIMESTAMP], int(count.astype(np.int64)), unit, *encode_zone(stamp.tzinfo)]


def _decode_timestamp(items: list[Any]) -> object:
    import numpy as np
    import pandas as pd

    count, unit, *zone = items
    if type(count) is not int or unit not in ("s", "ms", "us", "ns"):
        raise BrokenValue("a timestamp does not count in a known unit")
    stamp = pd.Timestamp(np.datetime64(count, unit))
    if stamp is pd.NaT:
        raise BrokenValue("a timestamp that is not a time")
    return stamp.tz_localize("UTC").tz_convert(decode_zone(zone)) if zone else stamp


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that pandas defines, if it has one."""
    pd = sys.modules["pandas"]
    encoders = {
        pd.Index: _encode_index,
        pd.DatetimeIndex: _encode_index,
        pd.TimedeltaIndex: _encode_index,
        pd.RangeIndex: _encode_range_index,
        pd.Series: _encode_series,
        pd.DataFrame: _encode_frame,
        pd.Timestamp: _encode_timestamp,
    }
    return encoders.get(kind)


def parts_for(kind: type) -> Callable[[Any], list[tuple[str, object]]] | None:
    """Return a function that lists the parts of a table besides columns, with their paths."""
    pd = sys.modules["pandas"]
    if kind is pd.DataFrame:
        names: tuple[str, ...] = ("columns", "index", "attrs")
    elif kind is pd.Series:
        names = ("name", "index", "attrs")
    elif issubclass(kind, pd.Index):
        names = ("name",)
    else:
        return None
    return lambda value: [(f".{name}", getattr(value, name)) for name in names]


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.INDEX: _decode_index,
    Code.RANGE_INDEX: _decode_range_index,
    Code.SERIES: _decode_series,
    Code.FRAME: _decode_frame,
    Code.TIMESTAMP: _decode_timestamp,
}
