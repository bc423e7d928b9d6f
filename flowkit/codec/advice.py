"""What to return instead of a numpy or pandas value that cannot be stored.

The advice is code that works unchanged on the refused value and loses nothing silently; tests run
it. numpy and pandas are already loaded, since the value was created with them.
"""

from __future__ import annotations

import sys
from typing import Any

_FLOATS = {"f": "f8", "c": "c16"}  # kind → its largest type on every machine
_PANDAS = {
    "Timedelta": "Return value.to_pytimedelta().",
    "NaTType": "Return None.",
    "NAType": "Return None.",
    "Period": "Return str(value).",
    "Interval": "Return str(value).",
    "MultiIndex": "Return value.tolist(); of a table with such an index, its reset_index().",
}
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
        return "Return value.tolist()."
    if isinstance(value, pd.tseries.offsets.BaseOffset):
        return "Return str(value)."
    if isinstance(value, pd.Index) and not isinstance(value, pd.MultiIndex):
        return column_advice(value)
    return _PANDAS.get(type(value).__name__, _OPEN)


def column_advice(column: Any) -> str:
    """Return the advice for a Series or an Index because of its dtype."""
    pd = sys.modules["pandas"]
    dtype = column.dtype
    name, at = ("index", "") if isinstance(column, pd.Index) else ("column", ".dt")
    if isinstance(dtype, pd.DatetimeTZDtype):
        return f"Use {name}{at}.tz_convert(None): the same moments, in UTC without a zone."
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        return f"Use {name}.astype(str)."
    if isinstance(dtype, pd.SparseDtype):
        return f"Use {name}.astype({str(dtype.subtype)!r})."
    if dtype.kind == "O" and not pd.api.types.is_extension_array_dtype(dtype):
        return "Keep only text, numbers, bools and None in it."
    if name == "index":
        return "Use index.astype(object)."
    return "Use column.astype(object).where(column.notna(), None)."
