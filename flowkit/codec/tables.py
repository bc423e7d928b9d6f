"""Tells whether a worker could store a table, by rules: without packing its columns.

A run in this process passes any object from task to task. Tables are what users expect to travel,
so a table that would not is worth a warning at once. The check packs a table without its rows,
which is what types, labels and zones need, and one cell of each class of an object column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .errors import CodecError
from .packing import pack
from .survey import PLAIN, family, is_array

_MOST = 20  # tables that are looked for in a list or a dictionary


def table_fault(value: object) -> str | None:
    """Return why a table, or one in a short list or dictionary, could not be stored, or None."""
    kind = type(value)
    if kind in PLAIN:
        return None
    try:
        return _first_fault(value)
    except Exception:  # of the code of a user's class: no reason to fail a task that succeeded
        return None


def _first_fault(value: Any) -> str | None:
    kind = type(value)
    if family(kind):
        return _fault(value, "result")
    if kind in (list, tuple, dict) and len(value) <= _MOST:
        faults = (_fault(item, root) for root, item in _items(value) if family(type(item)))
        return next(filter(None, faults), None)
    return None


def _items(value: Any) -> Iterable[tuple[str, object]]:
    pairs = value.items() if type(value) is dict else enumerate(value)
    return ((f"result[{key!r}]", item) for key, item in pairs)


def _fault(table: Any, root: str) -> str | None:
    try:
        pack(_without_rows(table), root=root)
        for path, cells in _object_cells(table):
            kinds = set(map(type, cells))
            if kinds - PLAIN:
                samples = {type(cell): cell for cell in cells}
                for cell in samples.values():
                    pack(cell, root=f"a cell of {root}{path}")
    except CodecError as error:
        return str(error)
    return None


def _without_rows(table: Any) -> Any:
    kind = type(table)
    if is_array(kind):
        return table.ravel()[:0]
    if kind.__name__ in ("DataFrame", "Series") and family(kind) == "pandas":
        return table.iloc[:0]
    if family(kind) == "pandas" and hasattr(table, "dtype") and hasattr(table, "__len__"):
        return table[:0]
    return table.slice(0, 0) if callable(getattr(table, "slice", None)) else table


def _object_cells(table: Any) -> Iterator[tuple[str, list[Any]]]:
    for path, column in _columns(table):
        if getattr(getattr(column, "dtype", None), "kind", "") != "O":
            continue
        array = column if is_array(type(column)) else column.to_numpy()
        if array.dtype.kind == "O":
            yield path, array.ravel().tolist()


def _columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may hold objects: columns, the index, an array."""
    kind = type(table)
    if is_array(kind):
        yield "", table
    elif family(kind) == "pandas":
        if kind.__name__ == "DataFrame":
            for label, column in table.items():
                yield f"[{label!r}]", column
            yield ".columns", table.columns
        elif hasattr(table, "to_numpy"):
            yield "", table
        if hasattr(table, "index") and hasattr(table.index, "to_numpy"):
            yield ".index", table.index
