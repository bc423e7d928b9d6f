"""Whether two annotations agree: whether there is a type that fits both, and which.

``str | None`` and ``str`` agree on ``str``, ``int`` and ``float`` on ``int``, ``list`` and
``Sequence[int]`` on ``list``. ``date`` and ``str`` do not agree. Where only a type checker could
decide (protocols, special forms), annotations agree.
"""

from __future__ import annotations

from typing import Any, Literal, Union, get_args, get_origin

from .annotations import NOTHING, class_of, is_any, members

_NONE_FITS = object()


def common(first: object, second: object) -> Any:
    """Return an annotation for the values that fit both, or NOTHING if the two contradict.

    Neither may be NOTHING.
    """
    ours, theirs = members(first), members(second)
    if any(map(is_any, ours)):
        return second
    if any(map(is_any, theirs)):
        return first
    pairs = (_narrower(our, other) for our in ours for other in theirs)
    both = [member for member in pairs if member is not _NONE_FITS]
    return Union[tuple(both)] if both else NOTHING  # noqa: UP007 - of a computed number


def _narrower(first: Any, second: Any) -> Any:
    """Return the narrower of two types that are no unions, or _NONE_FITS if they contradict."""
    if first == second:
        return first
    if {first, second} == {int, float}:
        return int
    if Literal in (get_origin(first), get_origin(second)):
        return _literal(first, second)
    ours, theirs = class_of(first), class_of(second)
    if ours is None or theirs is None:
        return first
    try:
        if issubclass(ours, theirs):
            is_ours = get_args(first) or ours is not theirs
            narrow, wide = (first, second) if is_ours else (second, first)
        elif issubclass(theirs, ours):
            narrow, wide = second, first
        else:
            return _NONE_FITS
    except TypeError:  # a protocol with attributes
        return first
    return narrow if _arguments_agree(narrow, wide) else _NONE_FITS


def _literal(first: Any, second: Any) -> Any:
    if get_origin(first) is not Literal:
        first, second = second, first
    if get_origin(second) is Literal:
        others = [(type(value), value) for value in get_args(second)]
        both = [value for value in get_args(first) if (type(value), value) in others]
    else:
        kind = class_of(second)
        both = [value for value in get_args(first) if kind is None or isinstance(value, kind)]
    return Literal[tuple(both)] if both else _NONE_FITS


def _arguments_agree(first: Any, second: Any) -> bool:
    ours, theirs = get_args(first), get_args(second)
    if len(ours) != len(theirs) or Ellipsis in (*ours, *theirs):
        return True  # a plain `list` and a `list[int]`, or tuples: left to the check of the value
    return all(common(item, other) is not NOTHING for item, other in zip(ours, theirs, strict=True))
