"""What to return instead of a value of numpy, pandas, polars or pyarrow that cannot be stored.

The advice is code that works unchanged on the refused value and loses nothing silently; tests run
it. The library is already loaded, since the value was created with it.
"""

from __future__ import annotations

import sys
from typing import Any

_FLOATS = {"f": "f8", "c": "c16"}  # kind → its largest type on every machine
_PANDAS = {"SparseArray": "Return value.to_dense()."}
_OPEN = "Compute the data that is needed, and return that."


def numpy_advice(value: object) -> str | None:
    """Return the advice for a value of a numpy class; None if there is none."""
    np = sys.modules["numpy"]
    if isinstance(value, np.ma.MaskedArray):
        return "Return value.tolist(), which has None for masked items, or value.filled(…)."
    if isinstance(value, np.ndarray) and value.dtype.fields is None:
        return "Return numpy.asarray(value)."
    if isinstance(value, np.ndarray | np.generic):
        return "Return value.tolist()."
    return "Return str(value)." if isinstance(value, np.dtype) else None


def dtype_advice(dtype: Any) -> str:
    """Return the advice for an array or a scalar of a dtype without a portable name."""
    if dtype.kind in _FLOATS:
        return f"Return value.astype({_FLOATS[dtype.kind]!r})."
    return "Return value.astype(str)." if dtype.kind == "T" else "Return value.tolist()."


def pandas_advice(value: object) -> str:
    """Return the advice for a value of a pandas class."""
    pd = sys.modules["pandas"]
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return _PANDAS.get(type(value).__name__, "Return value.tolist().")
    if isinstance(value, pd.tseries.offsets.BaseOffset):
        return "Return str(value)."
    if isinstance(value, pd.Index) and not isinstance(value, pd.MultiIndex):
        return column_advice(value)
    return _PANDAS.get(type(value).__name__, _OPEN)


def column_advice(column: Any) -> str:
    """Return the advice for a Series or an Index because of its dtype."""
    pd = sys.modules["pandas"]
    dtype = column.dtype
    name = "index" if isinstance(column, pd.Index) else "column"
    if isinstance(dtype, pd.SparseDtype):
        return f"Use {name}.astype({str(dtype.subtype)!r})."
    return f"Use {name}.astype(object)."


def arrow_advice(value: object) -> str | None:
    """Return the advice for a value of pyarrow or polars; None if there is none."""
    name = type(value).__name__
    if name == "LazyFrame":
        return "Return value.collect(), the frame of its result."
    if name.endswith("Scalar"):
        return "Return value.as_py()."
    if name.startswith(("LazyGroupBy", "GroupBy", "Expr", "Dataset", "RecordBatchReader")):
        return _OPEN
    return None
