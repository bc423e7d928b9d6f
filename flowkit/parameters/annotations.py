"""Reading annotations: their members, their names."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from ..basics.shorten import shorten

NOTHING = inspect.Parameter.empty  # no annotation, or no default
_ANY = (Any, object, NOTHING)
_MOST_ALIASES = 100
_LONGEST_NAME = 200


def plain(annotation: object) -> object:
    """Return an annotation without ``Annotated``, ``NewType`` and ``type X = …`` around it."""
    for _ in range(_MOST_ALIASES):
        inner = getattr(annotation, "__supertype__", None)  # of a NewType
        if inner is None and type(annotation).__name__ == "TypeAliasType":
            inner = getattr(annotation, "__value__", None)
        if inner is None and get_origin(annotation) is typing.Annotated:
            inner = get_args(annotation)[0]
        if inner is None:
            break
        annotation = inner
    return type(None) if annotation is None else annotation


def members(annotation: object) -> list[Any]:
    """Return the types that a union consists of; for anything else, the annotation alone."""
    annotation = plain(annotation)
    if get_origin(annotation) not in (Union, types.UnionType):
        return [annotation]
    return [inner for member in get_args(annotation) for inner in members(member)]


def is_any(member: object) -> bool:
    """Return whether every value fits this member of an annotation, or nobody knows."""
    return any(member is item for item in _ANY) or isinstance(member, TypeVar | ForwardRef | str)


def class_of(member: object) -> type | None:
    """Return the class that values of this member have, None if there is none to check."""
    kind = get_origin(member) or member
    return kind if isinstance(kind, type) else None


def name_of(annotation: object) -> str:
    """Return an annotation as a user would write it, without modules: ``list[int] | None``."""
    try:
        text = _name(annotation)
    except RecursionError:
        text = repr(type(annotation))
    return shorten(text, _LONGEST_NAME)


def _name(annotation: object) -> str:
    given = plain(annotation)
    if given is type(None):
        return "None"
    if given is Ellipsis:
        return "..."
    origin, inner = get_origin(given), get_args(given)
    if origin in (Union, types.UnionType):
        return " | ".join(map(_name, inner))
    if origin is Literal:
        return f"Literal[{', '.join(map(_value_name, inner))}]"
    if origin is not None and inner:
        return f"{_name(origin)}[{', '.join(map(_name, inner))}]"
    if isinstance(given, ForwardRef):
        return given.__forward_arg__
    if isinstance(given, str):
        return given
    name = getattr(given, "__qualname__", None) or getattr(given, "__name__", None)
    text = name if isinstance(name, str) else repr(given)
    return text.rpartition("<locals>.")[2].removeprefix("typing.")


def _value_name(value: object) -> str:
    return str(value) if hasattr(type(value), "__members__") else repr(value)
