"""Codecs of pandas tables whose columns have plain dtypes: the first format of tables.

A column is stored as a numpy array, or as a list if it contains text (the `str` dtype of pandas)
or, in an object column, only text, numbers, bools and None. Every release reads this format, also
without pyarrow, if no array lies apart (bulk.py). So it is written whenever it can hold a table,
unless text is faster otherwise; typed_frames.py has the format of all others. Decoding checks that
pandas created the stored dtype, since releases infer dtypes differently.

pandas can fill a table of any length from one value, and parses text. So every argument is checked
before it is passed to pandas: values are a one-dimensional array or a list of plain items, as many
as the index has; numbers are int; a frequency is short, and only used with strictly ordered values
(otherwise pandas hashes them, with a predictable hash).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrays import is_dtype_name
from .errors import BrokenValue
from .libraries import loaded, needed, pyarrow
from .pandas_labels import is_frequency
from .wire import Code

_OBJECT_ITEMS = frozenset({str, type(None), bool, int, float})
_LISTED = {"str": frozenset({str, type(None)}), "object": _OBJECT_ITEMS}
FEW_COLUMNS = 50  # pandas warns of a hundred columns that share no memory
_FEW_TEXTS = 64  # so few texts are shorter as a list than as a stream of Arrow


def plain_column(column: Any, *, listed: bool = False) -> tuple[str, object] | None:
    """Return the name of the dtype and the values of a Series or an Index.

    None if the column needs the other format, or if it is text, which is faster in it. ``listed``:
    whether text is wanted in this format all the same.
    """
    pd, np = loaded("pandas"), loaded("numpy")
    dtype = column.dtype
    listed = listed or len(column) <= _FEW_TEXTS or pyarrow() is None
    if isinstance(dtype, pd.StringDtype):
        if not listed or dtype != pd.Series([], dtype="str").dtype:
            return None
        return "str", column.to_numpy(dtype=object, na_value=None).tolist()
    if not isinstance(dtype, np.dtype):
        return None
    if dtype.kind != "O":
        return (dtype.str, column.to_numpy()) if is_dtype_name(dtype.str) else None
    values = column.to_numpy().tolist()
    kinds = set(map(type, values))
    if kinds <= _OBJECT_ITEMS and (listed or kinds & {bool, int}):
        return "object", values
    return None


def is_plain_column(column: Any) -> bool:
    """Return whether this format can hold a Series or an Index."""
    return plain_column(column, listed=True) is not None


def _same_dtype(made: Any, name: str) -> Any:
    actual = str(made.dtype) if name in ("str", "object") else made.dtype.str
    if actual != name:
        raise BrokenValue(f"the installed pandas gives {actual!r} for the stored dtype {name!r}")
    return made


def _listed(name: str, values: Any) -> object:
    """Return the dtype argument for a constructor, None for arrays, which have a dtype.

    Raises BrokenValue unless the values are a one-dimensional array or a list of plain items.
    """
    np = needed("numpy")
    if type(values) is list and name in _LISTED and _LISTED[name].issuperset(map(type, values)):
        return name
    if type(values) is np.ndarray and values.ndim == 1 and name not in _LISTED:
        return None
    raise BrokenValue("the values of a table have the wrong form")


def attributes(attrs: object) -> dict[Any, Any]:
    """Return the attributes of a table, which are a dictionary."""
    if type(attrs) is not dict:
        raise BrokenValue("the attributes of a table are not a dictionary")
    return attrs


def _decode_index(items: list[Any]) -> object:
    pd = needed("pandas")
    dtype, values, name, frequency = items
    index = pd.Index(values, dtype=_listed(dtype, values), name=name)
    made = _same_dtype(index, dtype)
    if frequency is not None:
        if not (is_frequency(frequency) and is_strictly_ordered(values)):
            raise BrokenValue("an index has a frequency that its values cannot have")
        made.freq = frequency  # checked by pandas against the values
    return made


def is_strictly_ordered(values: Any) -> bool:
    """Return whether an array of times rises or falls everywhere."""
    if values.dtype.kind not in "mM":
        return False
    counts = values.view(values.dtype.str[0] + "i8")
    return bool((counts[1:] > counts[:-1]).all() or (counts[1:] < counts[:-1]).all())


def _decode_range_index(items: list[Any]) -> object:
    pd = needed("pandas")
    start, stop, step, name = items
    if {type(start), type(stop), type(step)} != {int}:
        raise BrokenValue("a range index that is not made of whole numbers")
    len(range(start, stop, step))  # OverflowError if it has no length
    return pd.RangeIndex(start, stop, step, name=name)


def _decode_series(items: list[Any]) -> object:
    pd = needed("pandas")
    dtype, values, name, index, attrs = items
    listed = _listed(dtype, values)
    check_length(values, an_index(index))
    series = pd.Series(values, dtype=listed, name=name, index=index)
    series.attrs = attributes(attrs)
    return _same_dtype(series, dtype)


def _decode_frame(items: list[Any]) -> object:
    pd = needed("pandas")
    columns, index, attrs, *rest = items
    check_length(rest[::2], an_index(columns))
    arrays = {}
    for position, (dtype, values) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        listed = _listed(dtype, values)
        check_length(values, an_index(index))
        column = pd.Series(values, dtype=listed, index=index, copy=False)
        arrays[position] = _same_dtype(column, dtype)
    frame = pd.DataFrame(arrays, index=an_index(index), copy=len(arrays) > FEW_COLUMNS)
    # Set afterwards, since labels may repeat and keys of a dict may not.
    frame.columns = columns
    frame.attrs = attributes(attrs)
    return frame


def check_length(values: Any, index: Any) -> None:
    """Refuse values that pandas would repeat or cut to the length of the index."""
    if len(values) != len(index):
        raise BrokenValue(f"a table of {len(index)} items has {len(values)}")


def an_index(value: Any) -> Any:
    """Return an index. Raises BrokenValue for anything else."""
    pd = needed("pandas")
    if not isinstance(value, pd.Index):
        raise BrokenValue("a table without an index")
    return value


DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.INDEX: _decode_index,
    Code.RANGE_INDEX: _decode_range_index,
    Code.SERIES: _decode_series,
    Code.FRAME: _decode_frame,
}
