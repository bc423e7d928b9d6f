"""Finds where and why a value was refused: a slow search that only runs after a failure.

It visits the value depth first, through the same containers as the survey, calls the codec of each
leaf again, and stops at the first refusal. Each object is visited once, so shared parts and cycles
cost no more than the size of the value.
"""

from __future__ import annotations

import io
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, MappingView
from enum import Enum
from typing import Any

from ..basics.again import Again
from .advice import arrow_advice, numpy_advice, pandas_advice
from .classes import field_names, is_dataclass_type, is_named_tuple
from .describe import describe
from .errors import Unfit, UnpackableValue, ValueTooLarge
from .limits import MAX_DEPTH
from .pandas_parts import parts_for
from .survey import PLAIN, family, is_array, spreader

Encode = Callable[[object], object]
Measure = Callable[[object], int]

_PATH_LIMIT = 300
_NUMBERS = frozenset({type(None), bool, int, float})

# First match wins: subclasses before their bases.
_HINTS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Again, "Return it by itself, not as a part of another value: return flowkit.again(…)."),
    (io.IOBase, "Close it and return its path."),
    (types.CoroutineType, "Await it and return what it gives."),
    (memoryview, "Return bytes(value)."),
    ((deque, list, Iterator, MappingView), "Return list(value)."),
    ((types.AsyncGeneratorType,), "Collect its items and return the list."),
    ((defaultdict, Counter, OrderedDict, dict, types.MappingProxyType), "Return dict(value)."),
    ((str, int, float, bytes, tuple, set, frozenset), "Return {base}(value)."),
    (BaseException, "Raise it, or return its text: str(error)."),
    (
        (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
        "Return its name, and look it up where it is used.",
    ),
)
_FAMILY_ADVICE = {
    "numpy": numpy_advice,
    "pandas": pandas_advice,
    "polars": arrow_advice,
    "pyarrow": arrow_advice,
}
_DEFAULT_HINT = (
    "Return plain data: numbers, text, bytes, lists, dicts, dataclasses of these. "
    "For something open (a file, a connection), return the path or address and open it again."
)


def refusal(value: object) -> Unfit:
    """Return the refusal of a value whose class has no codec, with an alternative."""
    kind = type(value)
    hint = _DEFAULT_HINT
    if isinstance(own := kind.__dict__.get("__flowkit_advice__"), str):
        hint = own
    elif callable(getattr(kind, "model_dump", None)):  # a value may have a __getattr__
        hint = "Return value.model_dump()."
    elif hasattr(kind, "__attrs_attrs__"):
        hint = "Return attrs.asdict(value)."
    elif family(kind):
        hint = _FAMILY_ADVICE[family(kind)](value) or hint
    else:
        for bases, text in _HINTS:
            if isinstance(value, bases):
                hint = text.format(base=_first_base(kind, bases))
                break
    return Unfit(f"cannot be stored. {hint}")


def _first_base(kind: type, bases: type | tuple[type, ...]) -> str:
    known = bases if isinstance(bases, tuple) else (bases,)
    return next((base.__name__ for base in kind.__mro__ if base in known), kind.__name__)


def find_fault(value: object, root: str, encode: Encode) -> UnpackableValue | None:
    """Return the first part of `value` that cannot be packed, or None.

    Args:
        value: what `pack` was given.
        root: how the path begins.
        encode: the codec of values other than plain ones, lists and dicts; raises Unfit.
    """
    search = _Search(encode)
    try:
        search.visit(value, root, 0)
    except UnpackableValue as fault:
        return fault
    except Exception as error:
        return _fault(value, root, f"cannot be examined: {describe(error)}. {_DEFAULT_HINT}")
    return None


class _Search:
    """One search. `_cleared` maps the id of a valid object to the depth at which it was checked."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._cleared: dict[int, int] = {}
        self._keep: list[object] = []  # ids stay valid only while the objects live
        self._trail: set[int] = set()

    def visit(self, value: object, path: str, depth: int) -> None:
        if type(value) in PLAIN:
            return
        mark = id(value)
        if mark in self._trail:
            raise _fault(value, path, "contains itself. Return a value without cycles.")
        if self._cleared.get(mark, -1) >= depth:
            return
        if is_leaf(value):
            self._ask(value, path)
        else:
            if depth >= MAX_DEPTH:
                raise _fault(
                    value,
                    path,
                    f"is nested deeper than {MAX_DEPTH} levels. Flatten the value, "
                    "or write it to a file and return its path.",
                )
            if type(value) not in (list, dict):
                self._ask(value, path)
            if not _holds_only(PLAIN, value):
                self._trail.add(mark)
                for suffix, part in parts(value):
                    self.visit(part, path + suffix, depth + 1)
                self._trail.discard(mark)
        self._cleared[mark] = depth
        self._keep.append(value)

    def _ask(self, value: object, path: str) -> None:
        try:
            self._encode(value)
        except Unfit as refused:
            raise _fault(value, path + refused.suffix, refused.reason) from None
        except Exception as error:
            reason = f"cannot be stored: {describe(error)}. {_DEFAULT_HINT}"
            raise _fault(value, path, reason) from error


def _holds_only(kinds: frozenset[type], value: object) -> bool:
    """Return, at the speed of C, whether a value is a list of only instances of `kinds`."""
    return type(value) is list and kinds.issuperset(map(type, value))


def is_leaf(value: object) -> bool:
    """Return whether a value has no parts that are values."""
    kind = type(value)
    if is_array(kind):
        return value.dtype.kind != "O"  # type: ignore[attr-defined,no-any-return]
    return spreader(kind) is None


def _fault(value: object, path: str, reason: str) -> UnpackableValue:
    return UnpackableValue(_shorten(path), type_name(type(value)), reason)


def type_name(kind: type) -> str:
    """Return a class's full name, without the module for builtins."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _shorten(path: str) -> str:
    if len(path) <= _PATH_LIMIT:
        return path
    half = _PATH_LIMIT // 2
    return f"{path[:half]}…{path[-half:]}"


def parts(value: object) -> Iterable[tuple[str, object]]:
    """Yield the parts of a container, each after its piece of the path."""
    kind = type(value)
    if isinstance(value, Enum):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield f".<key {describe(key, 60)}>", key
            yield f"[{describe(key, 60)}]", item
    elif is_named_tuple(kind) or is_dataclass_type(kind):
        names = kind._fields if is_named_tuple(kind) else field_names(kind)  # type: ignore[attr-defined]
        for name in names:
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif isinstance(value, set | frozenset):
        for item in value:
            yield f".<element {describe(item, 60)}>", item
    else:
        yield from _table_parts(value)


def _table_parts(value: Any) -> Iterable[tuple[str, object]]:
    kind = type(value)
    if is_array(kind) and value.dtype.kind == "O":
        for place, item in enumerate(value.ravel().tolist()):
            yield f"[{place}]", item
    elif family(kind) == "pandas":  # then pandas is loaded
        table_parts = parts_for(kind)
        yield from table_parts(value) if table_parts else ()


def too_large(
    value: object, root: str, *, size: int, limit: int, measure: Measure
) -> ValueTooLarge:
    """Return the error that names the value's size and its largest part.

    Args:
        value: the argument of `pack`; its only fault is its size.
        root: how the path begins.
        size: its packed size in bytes, or a lower bound.
        limit: the limit in bytes.
        measure: the packed size of a value without parts.
    """
    scale = _Scale(measure)
    total = max(size, scale.weigh(value))
    path, part, heaviest = root, value, total
    while True:
        inner = () if _holds_only(_NUMBERS, part) else parts(part)
        children = [(scale.weigh(child), suffix, child) for suffix, child in inner]
        largest = max(children, key=lambda child: child[0], default=None)
        # If no part outweighs the rest, the whole value is the answer.
        if largest is None or 2 * largest[0] < heaviest:
            is_whole = largest is None
            return ValueTooLarge(root, total, limit, _shorten(path), heaviest, is_whole=is_whole)
        heaviest, path, part = largest[0], path + largest[1], largest[2]


class _Scale:
    """Packed sizes in bytes. Each shared object is measured once."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._known: dict[int, int] = {}
        self._keep: list[object] = []

    def weigh(self, value: object) -> int:
        kind = type(value)
        if kind in PLAIN or is_leaf(value) or _holds_only(_NUMBERS, value):
            return self._measure(value)
        mark = id(value)
        if mark not in self._known:
            self._keep.append(value)
            contents = sum(self.weigh(part) for _, part in parts(value))
            self._known[mark] = contents + 5
        return self._known[mark]
