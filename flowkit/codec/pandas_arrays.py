"""Codecs of the arrays that pandas defines: the columns that numpy has no dtype for.

Each is stored by its parts, which are plain arrays, so a column comes back with the same dtype:
categories with their order, time zones, nullable numbers, periods, intervals, text with the storage
that it has. Arrays that pandas keeps in Arrow are streams of Arrow IPC.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrow_stream import arrow, arrow_item, read_array
from .builtins import zone_items, zone_of
from .errors import BrokenValue, Unfit
from .libraries import loaded, needed, pyarrow
from .pandas_labels import CLOSED, check_labels, is_frequency
from .wire import HEADS, Code

# -- categories -----------------------------------------------------------------------------------


def _encode_categorical(array: Any) -> object:
    check_labels(array.categories, Unfit)
    return [HEADS[Code.CATEGORICAL], bool(array.ordered), array.codes, array.categories]


def _decode_categorical(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    ordered, codes, categories = items
    if type(ordered) is not bool or not isinstance(categories, pd.Index):
        raise BrokenValue("categories of an unknown form")
    if type(codes) is not np.ndarray or codes.ndim != 1 or codes.dtype.kind != "i":
        raise BrokenValue("categories whose codes are not whole numbers")
    check_labels(categories, BrokenValue)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered))


# -- times ----------------------------------------------------------------------------------------


def _encode_datetimes(array: Any) -> object:
    zone = zone_items(array.tz)
    plain = array if array.tz is None else array.tz_convert(None)
    return [HEADS[Code.DATETIMES], loaded("numpy").asarray(plain), *zone]


def _encode_timedeltas(array: Any) -> object:
    return [HEADS[Code.DATETIMES], loaded("numpy").asarray(array)]


def _decode_datetimes(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    values, *zone = items
    if type(values) is not np.ndarray or values.ndim != 1 or values.dtype.kind not in "mM":
        raise BrokenValue("times of an unknown form")
    made: Any = pd.array(values, dtype=values.dtype)
    if zone:
        index = pd.DatetimeIndex(made).tz_localize("UTC")
        made = index.tz_convert(zone_of(zone)).array
    if (made.dtype if not zone else made.tz_convert(None).dtype) != values.dtype:
        raise BrokenValue(f"the installed pandas does not know times of {values.dtype}")
    return made


def _encode_periods(array: Any) -> object:
    frequency = array.freqstr
    if not is_frequency(frequency):
        raise Unfit(f"has the frequency {frequency}, which cannot be stored. Use .astype(str).")
    return [HEADS[Code.PERIODS], frequency, loaded("numpy").asarray(array.asi8)]


def _decode_periods(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    frequency, ordinals = items
    if not is_frequency(frequency) or type(ordinals) is not np.ndarray:
        raise BrokenValue("periods of an unknown form")
    if ordinals.ndim != 1 or ordinals.dtype != np.int64:
        raise BrokenValue("periods whose ordinals are not whole numbers")
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype(frequency))


# -- intervals ------------------------------------------------------------------------------------


def _encode_intervals(array: Any) -> object:
    return [HEADS[Code.INTERVALS], array.closed, array.left, array.right]


def _decode_intervals(items: list[Any]) -> object:
    pd = needed("pandas")
    closed, left, right = items
    if closed not in CLOSED or not (isinstance(left, pd.Index) and isinstance(right, pd.Index)):
        raise BrokenValue("intervals of an unknown form")
    if len(left) != len(right):  # or pandas would repeat one
        raise BrokenValue("intervals without an end")
    made = pd.arrays.IntervalArray.from_arrays(left, right, closed=closed)
    if made.left.dtype != left.dtype or made.right.dtype != right.dtype:
        raise BrokenValue(f"the installed pandas does not know intervals of {left.dtype}")
    return made


# -- nullable numbers -----------------------------------------------------------------------------


def _encode_masked(array: Any) -> object:
    missing = array.isna()
    values = array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=0)
    return [HEADS[Code.MASKED], array.dtype.name, values, missing]


def _decode_masked(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    name, values, missing = items
    if type(values) is not np.ndarray or type(missing) is not np.ndarray:
        raise BrokenValue("nullable numbers of an unknown form")
    kinds = {"b": "BooleanArray", "i": "IntegerArray", "u": "IntegerArray", "f": "FloatingArray"}
    kind = kinds.get(values.dtype.kind)
    if kind is None or missing.dtype != bool or not values.shape == missing.shape == (len(values),):
        raise BrokenValue("nullable numbers of an unknown form")
    made = getattr(pd.arrays, kind)(values, missing)
    if made.dtype.name != name:
        raise BrokenValue(f"the installed pandas gives {made.dtype.name!r} for {name!r}")
    return made


# -- text -----------------------------------------------------------------------------------------


def _encode_texts(array: Any) -> object:
    name = "string" if array.dtype.na_value is loaded("pandas").NA else "str"
    head = [HEADS[Code.TEXTS], name, array.dtype.storage]
    pa = pyarrow()
    if pa is not None:
        try:
            return [*head, arrow_item(pa, pa.array(array, type=pa.large_string()))]
        except (pa.ArrowException, UnicodeError):  # a lone surrogate
            pass
    return [*head, array.to_numpy(dtype=object, na_value=None).tolist()]


def _decode_texts(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    name, storage, texts = items
    if name not in ("str", "string") or storage not in ("python", "pyarrow"):
        raise BrokenValue("text of an unknown dtype")
    if storage == "pyarrow":
        needed("pyarrow")
    dtype = pd.StringDtype(storage, **({"na_value": np.nan} if name == "str" else {}))
    if type(texts) is list:
        if not {str, type(None)}.issuperset(map(type, texts)):
            raise BrokenValue("text that holds something else")
        return pd.array(texts, dtype=dtype)
    column = read_array(texts)
    if column.type != needed("pyarrow").large_string():
        raise BrokenValue("text of an unknown form")
    return dtype.__from_arrow__(column)


def _encode_arrow_backed(array: Any) -> object:
    pa = arrow()
    return [HEADS[Code.ARROW_BACKED], arrow_item(pa, pa.chunked_array(_chunks(pa, array)))]


def _chunks(pa: Any, array: Any) -> list[Any]:
    made = array.__arrow_array__()
    if isinstance(made, pa.ChunkedArray):
        return made.chunks or [pa.array([], made.type)]
    return [made]


def _decode_arrow_backed(items: list[Any]) -> object:
    pd = needed("pandas")
    (data,) = items
    column = read_array(data)
    return pd.ArrowDtype(column.type).__from_arrow__(column)


# -- all ------------------------------------------------------------------------------------------


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of an array class that pandas defines, if it has one."""
    pd = loaded("pandas")
    arrays = pd.arrays
    encoders = {
        pd.Categorical: _encode_categorical,
        arrays.DatetimeArray: _encode_datetimes,
        arrays.TimedeltaArray: _encode_timedeltas,
        arrays.PeriodArray: _encode_periods,
        arrays.IntervalArray: _encode_intervals,
        arrays.IntegerArray: _encode_masked,
        arrays.FloatingArray: _encode_masked,
        arrays.BooleanArray: _encode_masked,
        arrays.StringArray: _encode_texts,
        arrays.ArrowStringArray: _encode_texts,
        arrays.ArrowExtensionArray: _encode_arrow_backed,
    }
    # pandas 2 has a subclass of its text array that differs in the missing value only.
    if kind.__name__ == "ArrowStringArrayNumpySemantics":
        return _encode_texts
    return encoders.get(kind)


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.CATEGORICAL: _decode_categorical,
    Code.DATETIMES: _decode_datetimes,
    Code.PERIODS: _decode_periods,
    Code.INTERVALS: _decode_intervals,
    Code.MASKED: _decode_masked,
    Code.TEXTS: _decode_texts,
    Code.ARROW_BACKED: _decode_arrow_backed,
}
