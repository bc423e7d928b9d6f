"""What identifies a table in a digest, as plain values.

The packed form does not serve: it depends on how a table is cut into chunks, on the bytes behind
missing values, and on the order of sets in its cells. So a table is taken apart here into values
whose digest is known: its axes, and for each column its type, where it has values, and the values.
Tables that the first format holds are identified by their packed form, as they always were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrow_stream import arrow
from .arrow_values import one_chunk
from .frames import is_plain_column
from .libraries import loaded
from .survey import PLAIN, family, is_array

Parts = list[Any]
Pack = Callable[[object], bytes]


def table_parts(value: Any, pack: Pack) -> Parts | None:
    """Return what identifies a table or an array; None for every other value.

    ``pack``: packs a list of plain items, which is faster than a digest of each.
    """
    kind = type(value)
    if is_array(kind):
        return _array_parts(value, pack)
    match family(kind):
        case "pandas":
            return _pandas_parts(value, pack)
        case "polars" if kind.__name__ in ("DataFrame", "Series"):
            frame = value if kind.__name__ == "DataFrame" else value.to_frame()
            level = loaded("polars").CompatLevel.oldest()
            types = [str(dtype) for dtype in frame.dtypes]
            return ["polars", kind.__name__, types, frame.to_arrow(compat_level=level)]
        case "pyarrow":
            return _arrow_parts(value, pack)
    return None


def _array_parts(array: Any, pack: Pack) -> Parts | None:
    if array.dtype.kind == "O":
        items = array.ravel().tolist()
        if PLAIN.issuperset(map(type, items)):
            return ["plain objects", list(array.shape), pack(items)]
        return ["objects", list(array.shape), items]
    if array.dtype.fields is not None:
        fields = [array[name] for name in array.dtype.names]
        return ["structured", str(array.dtype.descr), list(array.shape), fields]
    return None


# -- pandas ---------------------------------------------------------------------------------------


def _pandas_parts(value: Any, pack: Pack) -> Parts | None:
    pd = loaded("pandas")
    kind = type(value).__name__
    if _is_first_format(value):
        return None
    if isinstance(value, pd.DataFrame):
        columns = [_column_parts(column, pack) for _, column in value.items()]
        unique = value.flags.allows_duplicate_labels
        return [kind, value.columns, value.index, dict(value.attrs), unique, columns]
    if isinstance(value, pd.Series):
        unique = value.flags.allows_duplicate_labels
        parts = [value.name, value.index, dict(value.attrs), unique]
        return [kind, *parts, _column_parts(value, pack)]
    if isinstance(value, pd.MultiIndex):
        levels = [value.get_level_values(place) for place in range(value.nlevels)]
        return [kind, list(value.names), [_column_parts(level, pack) for level in levels]]
    if isinstance(value, pd.Index):
        frequency = getattr(value, "freqstr", None)
        return [kind, value.name, frequency, _column_parts(value, pack)]
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _extension_parts(value, pack)
    return None


def _is_first_format(value: Any) -> bool:
    pd = loaded("pandas")
    if isinstance(value, pd.RangeIndex):
        return True
    if isinstance(value, pd.DataFrame | pd.Series):
        if not value.flags.allows_duplicate_labels or not _is_first_format(value.index):
            return False
        if isinstance(value, pd.DataFrame):
            columns = [column for _, column in value.items()]
            return _is_first_format(value.columns) and all(map(is_plain_column, columns))
        return is_plain_column(value)
    return isinstance(value, pd.Index) and is_plain_column(value)


def _column_parts(column: Any, pack: Pack) -> Parts:
    if isinstance(column.dtype, loaded("numpy").dtype):
        return ["numpy", column.to_numpy()]
    return _extension_parts(column.array, pack)


def _extension_parts(array: Any, pack: Pack) -> Parts:
    pd, np = loaded("pandas"), loaded("numpy")
    name = str(array.dtype)
    if isinstance(array.dtype, pd.StringDtype):
        texts = array.to_numpy(dtype=object, na_value=None).tolist()
        return [name, pack(texts)]
    if isinstance(array, pd.Categorical):
        return ["category", bool(array.ordered), array.codes.astype(np.int64), array.categories]
    if isinstance(array.dtype, pd.ArrowDtype):
        return [name, _arrow_parts(pd.array(array).__arrow_array__(), pack)]
    if hasattr(array.dtype, "numpy_dtype"):
        missing = array.isna()
        return [name, missing, array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=0)]
    if isinstance(array, pd.arrays.IntervalArray):
        return [name, array.left, array.right]
    if isinstance(array, pd.arrays.PeriodArray):
        return [name, array.asi8]
    zone = getattr(array, "tz", None)
    return [name, np.asarray(array if zone is None else array.tz_convert(None))]


# -- Arrow ----------------------------------------------------------------------------------------


def _arrow_parts(value: Any, pack: Pack) -> Parts:
    pa = arrow()
    kind = type(value).__name__
    if isinstance(value, pa.Table | pa.RecordBatch):
        fields = [_field_parts(field) for field in value.schema]
        columns = [_arrow_column(pa, column, pack) for column in value.columns]
        return [kind, value.num_rows, fields, dict(value.schema.metadata or {}), columns]
    if isinstance(value, pa.Array | pa.ChunkedArray):
        name = "ChunkedArray" if isinstance(value, pa.ChunkedArray) else "Array"
        return [name, str(value.type), _arrow_column(pa, value, pack)]
    return [kind, str(value)]


def _field_parts(field: Any) -> Parts:
    return [field.name, str(field.type), field.nullable, dict(field.metadata or {})]


def _arrow_column(pa: Any, column: Any, pack: Pack) -> Parts:
    """Return the values of a column, without what lies behind the missing ones."""
    if isinstance(column, pa.ChunkedArray):
        column = one_chunk(pa, column)
    types, kind = pa.types, column.type
    here = column.is_valid().to_numpy(zero_copy_only=False)
    if types.is_string(kind) or types.is_large_string(kind):
        return [here, pack(column.to_pylist())]
    if types.is_integer(kind) or types.is_floating(kind):
        return [here, column.fill_null(0).to_numpy(zero_copy_only=False)]
    if types.is_temporal(kind) and not types.is_interval(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return [here, column.view(width).fill_null(0).to_numpy(zero_copy_only=False)]
    return [here, column.to_pylist()]
