"""Annotations as text, and back: for a process without the code that they come from.

A stored DAG has the annotations of its run parameters as text. Text from a store is not evaluated,
and no class is looked up by it: ``annotation_of`` knows the names of a closed list of built-in
types, and what can be made of them with ``|`` and ``[…]``. Everything else is NOTHING. So is an
annotation that is longer or nested deeper than people write.

``is_closed`` is the other side: whether the text of an annotation says all of it. A class of the
user's that is called ``date`` is not the built-in one, so its text alone would mislead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Literal, Optional, Union, get_args, get_origin
from uuid import UUID

from .annotations import NOTHING, members, name_of, plain

LONGEST = 200  # characters
_MOST_LEVELS = 10
_PLAIN: Mapping[str, Any] = {
    kind.__name__: kind
    for kind in (
        *(str, int, float, bool, bytes, bytearray, list, tuple, dict, set, frozenset),
        *(date, datetime, time, timedelta, Decimal, UUID),
        *(Path, PurePath, PurePosixPath, PureWindowsPath),
        *(Sequence, Mapping, Set),
    )
} | {"Any": Any}
# Of how many types each is made; None for any number.
_GENERIC: Mapping[str, int | None] = {
    **dict.fromkeys(("list", "set", "frozenset", "Sequence", "Set", "Optional"), 1),
    **dict.fromkeys(("dict", "Mapping"), 2),
    **dict.fromkeys(("tuple", "Union"), None),
}
_UNIONS: Mapping[str, Callable[[tuple[Any, ...]], Any]] = {
    "Optional": lambda inner: Optional[inner[0]],  # noqa: UP045 - of a computed type
    "Union": lambda inner: Union[inner],  # noqa: UP007 - of a computed number
}
_LITERALS = (str, int, bool, type(None))


class _Unknown(Exception):
    """A text is no annotation of the closed list."""


def annotation_of(text: str) -> Any:
    """Return the annotation that a text writes, NOTHING unless all of it is known here."""
    # The parser of Python would warn of a wrong escape, on standard error.
    if not text or len(text) > LONGEST or "\\" in text:
        return NOTHING
    try:
        return _made(ast.parse(text, mode="eval").body, _MOST_LEVELS)
    except (_Unknown, SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return NOTHING


def is_closed(annotation: object) -> bool:
    """Return whether the text of an annotation (``name_of``) says all of it."""
    try:
        return _is_closed(annotation)
    except TypeError:  # it has no hash
        return _is_closed.__wrapped__(annotation)


@lru_cache(maxsize=1024)  # parsing takes 50 µs, and the DAG of each submission is asked about
def _is_closed(annotation: object) -> bool:
    read = annotation_of(name_of(annotation))
    return read is not NOTHING and _same(read, annotation)


def _made(node: ast.expr, levels: int) -> Any:
    if levels < 0:
        raise _Unknown
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Name) and node.id in _PLAIN:
        return _PLAIN[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_made(node.left, levels - 1), _made(node.right, levels - 1)]  # noqa: UP007
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        raise _Unknown
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name = node.value.id
    if name == "Literal":
        return Literal[tuple(_literal(item) for item in inner)]
    if name not in _GENERIC or _GENERIC[name] not in (None, len(inner)) or not inner:
        raise _Unknown
    return _generic(name, inner, levels - 1)


def _generic(name: str, inner: Sequence[ast.expr], levels: int) -> Any:
    ends_open = name == "tuple" and len(inner) == 2 and _is_ellipsis(inner[1])
    types = tuple(_made(item, levels) for item in (inner[:1] if ends_open else inner))
    if name in _UNIONS:
        return _UNIONS[name](types)
    return _PLAIN[name][(*types, ...) if ends_open else types]


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _literal(node: ast.expr) -> object:
    value = ast.literal_eval(node)
    if type(value) not in _LITERALS:
        raise _Unknown
    return value


def _same(read: object, annotation: object) -> bool:
    """Return whether two annotations are equal, ``typing.List[int]`` and ``list[int]`` too."""
    ours, theirs = members(read), members(annotation)
    if len(ours) != len(theirs):
        return False
    if len(ours) > 1:
        return all(map(_same, ours, theirs))
    first, second = plain(ours[0]), plain(theirs[0])
    if get_origin(first) is Literal:
        return first == second and list(map(type, get_args(first))) == list(
            map(type, get_args(second))
        )
    if (get_origin(first) or first) is not (get_origin(second) or second):
        return False
    mine, other = get_args(first), get_args(second)
    return len(mine) == len(other) and all(map(_same_argument, mine, other))


def _same_argument(first: object, second: object) -> bool:
    return first is second if Ellipsis in (first, second) else _same(first, second)
