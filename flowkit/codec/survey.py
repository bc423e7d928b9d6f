"""A survey of a whole value, level by level: its classes, its depth, its size.

Both directions use it. Packing, because msgpack silently packs some classes as others (a bytearray
as bytes) and would never finish a value that contains itself. Unpacking, because msgpack does not
see the nesting of extension arrays. It processes levels instead of items, so that C loops of the
interpreter do the work: about 15 ns per item of a list of floats.

Depth counts containers: ``[]`` has one level, ``[[1]]`` has two. Enums are leaves, and so are
arrays, except arrays of objects.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from itertools import chain
from operator import attrgetter
from typing import Any

from .classes import UnknownRecord, field_names, is_dataclass_type, is_named_tuple
from .limits import MAX_DEPTH
from .pandas_parts import parts_for
from .wire import cached_by_class

PLAIN = frozenset({type(None), bool, int, float, str, bytes})
FAMILIES = ("numpy", "pandas", "polars", "pyarrow")
_SIZED = frozenset({str, bytes, bytearray})

Spread = Callable[[list[Any]], Iterable[Collection[Any]]]


class TooDeep(Exception):
    """The value has more than MAX_DEPTH levels."""


class TooBig(Exception):
    """The value exceeds the limit: it needs at least `at_least` bytes."""

    def __init__(self, at_least: int) -> None:
        super().__init__(at_least)
        self.at_least = at_least


def survey(value: object, limit: int | None = None) -> set[type]:
    """Return the set of classes in `value`, without the plain ones.

    Args:
        value: any object.
        limit: maximum bytes of its packed form; None for no limit.

    Raises:
        TooDeep: more than MAX_DEPTH levels (always the case if a value contains itself).
        TooBig: more items and text than fit into `limit` bytes, at one byte each.
    """
    seen: set[type] = set()
    groups: list[Collection[Any]] = [(value,)]
    depth = weight = 0
    while True:
        kinds = set(map(type, chain.from_iterable(groups)))
        if limit is not None:
            weight += sum(map(len, groups)) + _bulk(groups, kinds)
            if weight > limit:
                raise TooBig(weight)
        fresh = kinds - PLAIN
        seen |= fresh
        spreads = {kind: spread for kind in fresh if (spread := spreader(kind)) is not None}
        if not spreads or _are_plain_arrays(spreads.keys(), groups):
            return seen
        depth += 1
        if depth > MAX_DEPTH:
            raise TooDeep
        by_kind: dict[type, list[Any]] = {kind: [] for kind in spreads}
        if len(spreads) == 1:
            (only,) = by_kind.values()
            only += [item for item in chain.from_iterable(groups) if type(item) in spreads]
        else:
            # One pass: a pass per class would cost the product of classes and items.
            for item in chain.from_iterable(groups):
                if type(item) in spreads:
                    by_kind[type(item)].append(item)
        groups = [part for kind, spread in spreads.items() for part in spread(by_kind[kind])]


def _are_plain_arrays(kinds: Collection[type], groups: list[Collection[Any]]) -> bool:
    """Return whether the only containers on a level are arrays without objects: leaves."""
    return all(map(is_array, kinds)) and not any(
        item.dtype.kind == "O" for item in chain.from_iterable(groups) if type(item) in kinds
    )


def is_array(kind: type) -> bool:
    """Return whether a class is the one of numpy arrays."""
    return kind.__name__ == "ndarray" and kind.__module__ == "numpy"


def _bulk(groups: list[Collection[Any]], kinds: set[type]) -> int:
    """Return a lower bound in bytes for the text and the arrays in `groups`."""
    items = chain.from_iterable(groups)
    if kinds <= _SIZED:
        return sum(map(len, items))
    weight = 0
    if kinds & _SIZED:
        weight = sum([len(item) for item in items if type(item) in _SIZED])
    tables = {kind for kind in kinds - PLAIN if family(kind)}
    if tables:
        items = chain.from_iterable(groups)
        weight += sum(_table_size(item) for item in items if type(item) in tables)
    return weight


@cached_by_class
def family(kind: type) -> str:
    """Return the library of tables that defines a class, if it is loaded, else ""."""
    package = str(getattr(kind, "__module__", "")).partition(".")[0]
    return package if package in FAMILIES and package in sys.modules else ""


def _table_size(item: Any) -> int:
    """Return a lower bound for the bytes of a table, without the parts that are surveyed."""
    kind = type(item).__name__
    if kind == "ndarray":
        return 0 if item.dtype.kind == "O" else int(item.nbytes)
    if kind == "DataFrame" and family(type(item)) == "pandas":
        plain = sum(dtype.kind != "O" for dtype in item.dtypes if hasattr(dtype, "str"))
        return int(plain * len(item))
    return 0


@cached_by_class
def spreader(kind: type) -> Spread | None:
    """Return a function from instances of a container class to their contents; None for a leaf."""
    if kind in (list, tuple, set, frozenset):
        return _themselves
    if kind in (dict, OrderedDict, UnknownRecord):
        return _keys_and_values
    if issubclass(kind, Enum):
        return None
    if is_named_tuple(kind):
        return _themselves
    if is_dataclass_type(kind):
        return _field_spreader(field_names(kind))
    if is_array(kind):
        return lambda arrays: [_objects(array) for array in arrays]
    if family(kind) == "pandas":
        parts = parts_for(kind)
        if parts is not None:
            return lambda tables: [[part for _, part in parts(table)] for table in tables]
    return None


def _objects(array: Any) -> list[Any]:
    """Return the items of an array that are not plain values, or none."""
    if array.dtype.kind != "O":
        return []
    items: list[Any] = array.ravel().tolist()
    return [] if PLAIN.issuperset(map(type, items)) else items


def _themselves(collections: list[Any]) -> Iterable[Collection[Any]]:
    return collections


def _keys_and_values(mappings: list[Any]) -> Iterable[Collection[Any]]:
    # Two flat lists: thousands of small views would cost more than the copies.
    values = map(dict.values, mappings)
    return [list(chain.from_iterable(mappings)), list(chain.from_iterable(values))]


def _field_spreader(names: tuple[str, ...]) -> Spread:
    if not names:
        return lambda records: [() for _ in records]
    get: Callable[[Any], Any] = attrgetter(*names)
    # attrgetter of one name returns the bare value.
    single = len(names) == 1

    def spread(records: list[Any]) -> Iterable[Collection[Any]]:
        return [(get(record),) if single else get(record) for record in records]

    return spread
