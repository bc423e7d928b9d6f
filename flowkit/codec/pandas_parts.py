"""The parts of pandas tables that are values of their own, for the survey and for error paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .libraries import loaded


def parts_for(kind: type) -> Callable[[Any], list[tuple[str, object]]] | None:
    """Return a function that lists the parts of a table, with their paths.

    Numbers and times in numpy arrays are left out: nothing in them can be refused.
    """
    pd = loaded("pandas")
    if kind is pd.DataFrame:
        return _frame_parts
    if kind is pd.Series:
        return _series_parts
    if kind is pd.MultiIndex:
        return lambda index: [
            (".names", list(index.names)),
            *((f".levels[{place}]", level) for place, level in enumerate(index.levels)),
        ]
    return _index_parts if issubclass(kind, pd.Index) else None


def _frame_parts(frame: Any) -> list[tuple[str, object]]:
    parts = [(f".{name}", getattr(frame, name)) for name in ("columns", "index", "attrs")]
    if any(_is_odd(dtype) for dtype in set(frame.dtypes)):
        parts += [
            (f"[{label!r}]", column.array if _is_extension(column.dtype) else column.to_numpy())
            for label, column in frame.items()
            if _is_odd(column.dtype)
        ]
    return parts


def _series_parts(series: Any) -> list[tuple[str, object]]:
    parts = [(f".{name}", getattr(series, name)) for name in ("name", "index", "attrs")]
    return parts + _index_parts(series)[1:]


def _index_parts(column: Any) -> list[tuple[str, object]]:
    parts: list[tuple[str, object]] = [(".name", column.name)]
    if _is_odd(column.dtype):
        odd = column.array if _is_extension(column.dtype) else column.to_numpy()
        parts.append(("", odd))
    return parts


def _is_extension(dtype: Any) -> bool:
    return not isinstance(dtype, loaded("numpy").dtype)


def _is_odd(dtype: Any) -> bool:
    return _is_extension(dtype) or dtype.kind == "O"
