"""Codecs of pandas tables with columns of any type.

A table is stored as its axes and one array for each column. Arrays are values of their own: numpy
arrays, arrays of objects (object_arrays.py), and the arrays that pandas defines (pandas_arrays.py).
Every array knows its dtype, so pandas infers nothing when a table is rebuilt. A table that the
first format can hold is written in it (frames.py).

`attrs` are kept: they are values too. So is `flags.allows_duplicate_labels`. Not kept: which
columns share a block of memory, and the caches of an index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import pandas_arrays, pandas_scalars
from .advice import column_advice
from .errors import BrokenValue, Unfit
from .frames import (
    FEW_COLUMNS,
    an_index,
    attributes,
    check_length,
    is_strictly_ordered,
    plain_column,
)
from .libraries import loaded, needed
from .pandas_labels import check_labels, is_frequency
from .wire import HEADS, Code


def array_of(column: Any, suffix: str = "") -> Any:
    """Return the array of a Series or an Index: of numpy, or one that pandas defines.

    Raises Unfit if it has no codec.
    """
    np = loaded("numpy")
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if pandas_arrays.encoder_for(type(column.array)) is None:
        raise Unfit(
            f"has values of dtype {column.dtype}, which cannot be stored. {column_advice(column)}",
            suffix,
        )
    return column.array


# -- indexes --------------------------------------------------------------------------------------


def _encode_index(index: Any, *, listed: bool = False) -> object:
    frequency = _frequency(index)
    plain = plain_column(index, listed=listed)
    if plain is None:
        return [HEADS[Code.TYPED_INDEX], array_of(index), index.name, frequency]
    return [HEADS[Code.INDEX], *plain, index.name, frequency]


def _frequency(index: Any) -> str | None:
    pd = loaded("pandas")
    if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) or index.freq is None:
        return None
    frequency = index.freqstr
    if not is_frequency(frequency) or pd.tseries.frequencies.to_offset(frequency) != index.freq:
        raise Unfit(
            f"has the frequency {index.freq!r}, which cannot be stored. "
            "Clear it: index.freq = None."
        )
    return str(frequency)


def _decode_index(items: list[Any]) -> object:
    pd = needed("pandas")
    array, name, frequency = items
    values = _an_array(array)
    index = pd.Index(values, dtype=values.dtype, name=name, copy=False)
    if index.dtype != values.dtype:
        raise BrokenValue(
            f"the installed pandas gives {index.dtype} for an index of {values.dtype}"
        )
    if frequency is not None:
        if not is_frequency(frequency) or not isinstance(index, pd.DatetimeIndex):
            raise BrokenValue("an index has a frequency that its values cannot have")
        if not is_strictly_ordered(needed("numpy").asarray(index.tz_convert(None))):
            raise BrokenValue("an index has a frequency that its values cannot have")
        index.freq = frequency
    return index


def _encode_range(index: Any) -> object:
    return [HEADS[Code.RANGE_INDEX], index.start, index.stop, index.step, index.name]


def _encode_levels(index: Any) -> object:
    items: list[Any] = [HEADS[Code.MULTI_INDEX], list(index.names)]
    for level, codes in zip(index.levels, index.codes, strict=True):
        check_labels(level, Unfit)
        items += (level, loaded("numpy").asarray(codes))
    return items


def _decode_levels(items: list[Any]) -> object:
    pd, np = needed("pandas"), needed("numpy")
    names, *rest = items
    levels, codes = rest[::2], rest[1::2]
    if type(names) is not list or not len(levels) == len(codes) == len(names):
        raise BrokenValue("an index of levels of an unknown form")
    for level, places in zip(levels, codes, strict=True):
        check_labels(an_index(level), BrokenValue)
        if type(level) is pd.MultiIndex or type(places) is not np.ndarray:
            raise BrokenValue("an index of levels of an unknown form")
        if places.ndim != 1 or places.dtype.kind != "i":
            raise BrokenValue("an index of levels of an unknown form")
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=True)


# -- tables ---------------------------------------------------------------------------------------


def _an_array(array: Any) -> Any:
    """Return a one-dimensional array. Raises BrokenValue for anything else."""
    pd, np = needed("pandas"), needed("numpy")
    known = type(array) is np.ndarray or isinstance(array, pd.api.extensions.ExtensionArray)
    if not known or array.ndim != 1:
        raise BrokenValue("the column of a table is not an array")
    return array


def _column(array: Any, index: Any) -> Any:
    pd = needed("pandas")
    values = _an_array(array)
    check_length(values, index)
    series = pd.Series(values, index=index, dtype=values.dtype, copy=False)
    if series.dtype != values.dtype:
        raise BrokenValue(f"the installed pandas gives {series.dtype} for {values.dtype}")
    return series


def _encode_series(series: Any) -> object:
    index, attrs = series.index, dict(series.attrs)
    unique = not series.flags.allows_duplicate_labels
    plain = None if unique else plain_column(series)
    if plain is not None:
        return [HEADS[Code.SERIES], *plain, series.name, index, attrs]
    return [HEADS[Code.TYPED_SERIES], array_of(series), series.name, index, attrs, unique]


def _decode_series(items: list[Any]) -> object:
    array, name, index, attrs, unique = items
    series = _column(array, an_index(index))
    series.name = name
    return _finished(series, attrs, unique)


def _encode_frame(frame: Any) -> object:
    labels, index, attrs = frame.columns, frame.index, dict(frame.attrs)
    columns = _encode_labels(labels)
    unique = not frame.flags.allows_duplicate_labels
    plain: list[Any] = []
    arrays: list[Any] = []
    for label, column in frame.items():
        if not unique and len(plain) == 2 * len(arrays):
            plain += plain_column(column) or ()
        arrays.append(array_of(column, f"[{label!r}]"))
    if len(plain) == 2 * len(arrays) and not unique:
        return [HEADS[Code.FRAME], columns, index, attrs, *plain]
    return [HEADS[Code.TYPED_FRAME], columns, index, attrs, unique, *arrays]


def _encode_labels(labels: Any) -> object:
    """Encode the names of columns so that reading them needs no pyarrow, if possible."""
    kind = type(labels)
    return _encode_index(labels, listed=True) if kind is loaded("pandas").Index else labels


def _decode_frame(items: list[Any]) -> object:
    pd = needed("pandas")
    labels, index, attrs, unique, *arrays = items
    check_length(arrays, an_index(labels))
    columns = dict(enumerate(_column(array, an_index(index)) for array in arrays))
    frame = pd.DataFrame(columns, index=index, copy=len(arrays) > FEW_COLUMNS)
    # Set afterwards, since labels may repeat and keys of a dict may not.
    frame.columns = labels
    return _finished(frame, attrs, unique)


def _finished(table: Any, attrs: Any, unique: Any) -> Any:
    table.attrs = attributes(attrs)
    return table.set_flags(allows_duplicate_labels=False) if unique is True else table


# -- all ------------------------------------------------------------------------------------------


def encoder_for(kind: type) -> Callable[[Any], object] | None:
    """Return the encoder of a class that pandas defines, if it has one."""
    pd = loaded("pandas")
    encoders = {
        pd.DataFrame: _encode_frame,
        pd.Series: _encode_series,
        pd.Index: _encode_index,
        pd.DatetimeIndex: _encode_index,
        pd.TimedeltaIndex: _encode_index,
        pd.PeriodIndex: _encode_index,
        pd.IntervalIndex: _encode_index,
        pd.CategoricalIndex: _encode_index,
        pd.RangeIndex: _encode_range,
        pd.MultiIndex: _encode_levels,
    }
    encoder = encoders.get(kind) or pandas_scalars.encoder_for(kind)
    return encoder or pandas_arrays.encoder_for(kind)


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.TYPED_INDEX: _decode_index,
    Code.MULTI_INDEX: _decode_levels,
    Code.TYPED_SERIES: _decode_series,
    Code.TYPED_FRAME: _decode_frame,
}
