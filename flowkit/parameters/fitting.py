"""Whether a Python value fits an annotation. Nothing is converted.

A value is refused only if it plainly does not fit. The elements of lists, tuples, sets and dicts
are checked too; fields of objects are not. What type checkers accept fits: an ``int`` where a
``float`` is annotated, a ``datetime`` for a ``date``. Numbers of numpy count as numbers. Objects
of other classes than annotated are accepted if both classes are the user's, since tests replace
such objects; protocols and callables are left to type checkers.
"""

from __future__ import annotations

import numbers
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from .annotations import class_of, is_any, members

_NUMBERS: dict[type, type] = {
    int: numbers.Integral,
    float: numbers.Real,
    complex: numbers.Complex,
}
# Plain data: an object of one of these classes stands for nothing else.
_DATA: frozenset[type] = frozenset(
    {type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict}
    | {set, frozenset, date, datetime, time, timedelta, Decimal, UUID, range}
    | {Path, PurePath, PosixPath, WindowsPath, PurePosixPath, PureWindowsPath}
)
_COLLECTIONS = (list, tuple, set, frozenset)


def fits(value: object, annotation: object) -> bool:
    """Return whether ``value`` may be passed to a parameter with this annotation."""
    try:
        return any(_fits_member(value, member) for member in members(annotation))
    except RecursionError:
        return True  # nobody annotates so deeply by hand, and the codec has its own limit


def _fits_member(value: Any, member: Any) -> bool:
    if is_any(member):
        return True
    if get_origin(member) is Literal:
        return any(type(value) is type(arg) and value == arg for arg in get_args(member))
    kind = class_of(member)
    if kind is None or getattr(kind, "_is_protocol", False) or issubclass(kind, Callable):  # type: ignore[arg-type]
        return True
    if typing.is_typeddict(kind):
        return isinstance(value, Mapping)
    if not _is_instance(value, kind):
        return not (_is_data(kind) or type(value) in _DATA)
    return _elements_fit(value, kind, get_args(member))


def _is_data(kind: type) -> bool:
    is_own = kind in _DATA or issubclass(kind, Enum | PurePath)
    return is_own or is_dataclass(kind) or hasattr(kind, "_fields")


def _is_instance(value: object, kind: type) -> bool:
    try:
        if isinstance(value, kind):
            return True
    except Exception:  # a class may answer as it likes
        return True
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind])
    if kind is bool:
        return type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
    return kind is bytes and isinstance(value, bytearray | memoryview)


def _elements_fit(value: Any, kind: type, arguments: tuple[Any, ...]) -> bool:
    if not arguments:
        return True
    if isinstance(value, tuple) and issubclass(kind, tuple):
        return _tuple_fits(value, arguments)
    if isinstance(value, dict):
        if len(arguments) != 2:
            return True
        keys, values = arguments
        return all(fits(key, keys) and fits(item, values) for key, item in value.items())
    if type(value) in _COLLECTIONS and len(arguments) == 1:
        return all(fits(item, arguments[0]) for item in value)
    return True


def _tuple_fits(value: Sequence[object], arguments: tuple[Any, ...]) -> bool:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(fits(item, arguments[0]) for item in value)
    if any(
        get_origin(argument) is typing.Unpack or hasattr(argument, "__unpacked__")
        for argument in arguments
    ):
        return True
    return len(value) == len(arguments) and all(map(fits, value, arguments))
