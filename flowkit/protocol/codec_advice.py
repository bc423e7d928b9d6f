"""What to return instead of a numpy or pandas value that cannot be stored.

Advice is code that works as it stands, on the very value that was refused, and loses nothing in
silence: tests follow it to the letter. numpy and pandas are loaded by whoever made the value.
"""

from __future__ import annotations

import sys
from typing import Any

_FLOATS = {"f": "f8", "c": "c16"}  # kind → the largest of it that every machine has
_PANDAS = {
    "Timedelta": "Return value.to_pytimedelta().",
    "NaTType": "Return None.",
    "NAType": "Return None.",
    "Period": "Return str(value).",
    "Interval": "Return str(value).",
    "MultiIndex": "Return value.tolist(); of a table with such an index, its reset_index().",
}
_OPEN = "Compute what is needed of it, and return that."


def numpy_advice(value: object) -> str | None:
    """Return what to do with a value of a class that numpy defines; None for no idea."""
    np = sys.modules["numpy"]
    if isinstance(value, np.ma.MaskedArray):
        return "Return value.tolist(), which has None for masked items, or value.filled(…)."
    if isinstance(value, np.ndarray) and value.dtype.fields is None:
        return "Return numpy.asarray(value)."
    if isinstance(value, np.ndarray | np.generic):
        return "Return value.tolist()."
    return "Return str(value)." if isinstance(value, np.dtype) else None


def dtype_advice(dtype: Any) -> str:
    """Return what to do with an array or a scalar of a numpy dtype that has no portable name."""
    if dtype.kind in _FLOATS:
        return f"Return value.astype({_FLOATS[dtype.kind]!r})."
    return "Return value.astype(str)." if dtype.kind == "T" else "Return value.tolist()."


def pandas_advice(value: object) -> str:
    """Return what to do with a value of a class that pandas defines."""
    pd = sys.modules["pandas"]
    if isinstance(value, pd.api.extensions.ExtensionArray):
        return "Return value.tolist()."
    if isinstance(value, pd.tseries.offsets.BaseOffset):
        return "Return str(value)."
    if isinstance(value, pd.Index) and not isinstance(value, pd.MultiIndex):
        return column_advice(value)
    return _PANDAS.get(type(value).__name__, _OPEN)


def column_advice(column: Any) -> str:
    """Return what to do with a Series or an Index because of its dtype."""
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
