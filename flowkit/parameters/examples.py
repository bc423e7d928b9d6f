"""An example of a value that fits an annotation, for error messages."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence, Set
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from .annotations import NOTHING, class_of, is_any, members
from .conversion import from_json
from .signatures import field_annotations
from .texts import Misfit

_VALUES: dict[type, object] = {
    bool: True,
    int: 5,
    float: 0.5,
    str: "text",
    date: "2026-11-28",
    datetime: "2026-11-28T09:30:00+01:00",
    time: "09:30:00",
    timedelta: "90s",
    Decimal: "9.90",
    UUID: "0f8fad5b-d9cb-469f-a165-70867728950e",
    type(None): None,
}
_MOST_LEVELS = 5


def example_json(annotation: object) -> Any:
    """Return an example as JSON would give it, NOTHING if none is known."""
    value = _example(annotation, _MOST_LEVELS)
    try:
        if value is not NOTHING:
            from_json(value, annotation)
    except Misfit:
        return NOTHING
    return value


def example_text(annotation: object) -> str | None:
    """Return an example for the command line, None if none is known."""
    value = example_json(annotation)
    if value is NOTHING:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def example_python(annotation: object) -> str | None:
    """Return an example in Python, None if none is known."""
    value = example_json(annotation)
    if value is NOTHING:
        return None
    converted = from_json(value, annotation)
    return str(converted) if isinstance(converted, Enum) else repr(converted)


def _example(annotation: object, levels: int) -> Any:
    if levels < 0:
        return NOTHING
    options = members(annotation)
    options.sort(key=lambda member: member is type(None))
    values = (_of_member(member, levels) for member in options)
    return next((value for value in values if value is not NOTHING), NOTHING)


def _of_member(member: Any, levels: int) -> Any:
    if is_any(member):
        return "text"
    arguments = get_args(member)
    if get_origin(member) is Literal:
        return _of_value(arguments[0])
    kind = class_of(member)
    if kind in _VALUES:
        return _VALUES[kind]
    if kind is None:
        return NOTHING
    if issubclass(kind, PurePath):
        return "data/orders.csv"
    if issubclass(kind, Enum):
        return next(map(_of_value, kind), NOTHING)
    if is_dataclass(kind) or typing.is_typeddict(kind):
        return _of_fields(kind, levels)
    if issubclass(kind, tuple):
        return _of_tuple(arguments, levels)
    if issubclass(kind, Mapping):
        inner = [_example(argument, levels - 1) for argument in arguments or (str, int)]
        return NOTHING if NOTHING in inner else {str(inner[0]): inner[-1]}
    if issubclass(kind, Sequence | Set):
        inner = [_example(arguments[0] if arguments else int, levels - 1)]
        return NOTHING if NOTHING in inner else inner
    return NOTHING


def _of_value(value: object) -> Any:
    if isinstance(value, Enum):
        is_plain = isinstance(value.value, str | int | float)
        return value.value if is_plain else value.name
    return value


def _of_tuple(arguments: tuple[Any, ...], levels: int) -> Any:
    types = [argument for argument in arguments if argument is not Ellipsis] if arguments else [int]
    inner = [_example(kind, levels - 1) for kind in types]
    return NOTHING if NOTHING in inner else inner


def _of_fields(kind: type, levels: int) -> Any:
    """Return the fields that must be given, with an example each; the first one if all may be."""
    annotations = field_annotations(kind)
    if is_dataclass(kind):
        own = [field for field in fields(kind) if field.init]
        needed = [
            field.name
            for field in own
            if field.default is MISSING and field.default_factory is MISSING
        ] or [field.name for field in own[:1]]
    else:
        needed = list(annotations)
    result = {name: _example(annotations.get(name, Any), levels - 1) for name in needed}
    return NOTHING if NOTHING in result.values() else result
