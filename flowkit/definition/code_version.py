"""The version of a function's code: a digest that changes when the function is rewritten.

It is the same in every process of one minor version of Python (others compile differently), so that
workers on many machines share their cache. It covers the byte code, its constants and names,
functions and classes defined inside, default values, and the content of closures: a decorated
function is covered with its decorator, and functions of a factory differ by the factory's
arguments.

It does not cover what the function only refers to: other functions and classes of its module or of
others, globals, files, the time, libraries. Nor does it cover the position of the code or comments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from ..codec.digests import digest, joined
from .task import Task

# A closure may hold an object that changes while the program runs, such as a growing list. That is
# not a change of code, so a process computes the version only once, at its first use.
_known: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()


def code_version(func: Any) -> str:
    """Return the version of a function's code, in 32 letters.

    Raises CodecError, with the path, for a default value or closure variable that has no digest.
    """
    version = _known.get(func) if type(func) is FunctionType else None
    if version is None:
        version = hashlib.blake2b(_Reader().read(func, "function"), digest_size=16).hexdigest()
        if type(func) is FunctionType:
            _known[func] = version
    return version


class _Reader:
    """Reads one function, and each function inside it once: a closure may contain itself."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def read(self, value: Any, path: str) -> bytes:
        """Return bytes that are equal for equal code. ``path``: the name of the value in errors."""
        if isinstance(value, Task):
            value = value.func
        if not callable(value):
            return joined("value", _texts([digest(value, path)]))
        if id(value) in self._seen:
            return joined("again", _texts([str(self._seen[id(value)])]))
        self._seen[id(value)] = len(self._seen)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            owner = self.read(value.__self__, f"{path}.__self__")
            return joined("method", [owner, self.read(value.__func__, path)])
        if isinstance(value, partial):
            return self._partial(value, path)
        if isinstance(value, type | BuiltinFunctionType):
            return self._named(value, path)
        return self._object(value, path)

    def _function(self, func: FunctionType) -> bytes:
        code, name = func.__code__, func.__qualname__
        keywords = func.__kwdefaults__ or {}
        cells = [
            self._cell(cell, f"(closure of {name}).{variable}")
            for variable, cell in zip(code.co_freevars, func.__closure__ or (), strict=True)
        ]
        return joined(
            "function",
            [
                _code(code),
                self._values(func.__defaults__ or (), f"(defaults of {name})"),
                *_texts(keywords),
                self._values(keywords.values(), f"(defaults of {name})"),
                *cells,
            ],
        )

    def _cell(self, cell: CellType, path: str) -> bytes:
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return joined("empty", [])
        if isinstance(value, ModuleType):
            return joined("module", _texts([value.__name__]))
        return self.read(value, path)

    def _partial(self, value: partial[Any], path: str) -> bytes:
        fixed = self._values([*value.args, *value.keywords.values()], f"(arguments of {path})")
        return joined("partial", [self.read(value.func, path), *_texts(value.keywords), fixed])

    def _named(self, value: Any, path: str) -> bytes:
        """Read a class or a built-in by its place and the object that it is bound to."""
        place = _texts([type(value).__name__, *_place(value)])
        owner = getattr(value, "__self__", None)
        if isinstance(value, type) or owner is None or isinstance(owner, ModuleType):
            return joined("named", place)
        return joined("bound", [*place, self.read(owner, f"{path}.__self__")])

    def _object(self, value: Any, path: str) -> bytes:
        """Read a callable object: a result of ``functools.cache``, or the user's object."""
        place, wrapped = _texts(_place(type(value))), getattr(value, "__wrapped__", None)
        if callable(wrapped):
            return joined("wrapper", [*place, self.read(wrapped, path)])
        call = type(value).__call__
        if not isinstance(call, FunctionType) or not hasattr(value, "__dict__"):
            return joined("value", _texts([digest(value, path)]))
        attributes = sorted(vars(value).items())
        parts = [self.read(attribute, f"{path}.{name}") for name, attribute in attributes]
        names = _texts(name for name, _ in attributes)
        return joined("object", [*place, self.read(call, path), *names, *parts])

    def _values(self, values: Iterable[Any], path: str) -> bytes:
        return joined(
            "values", [self.read(value, f"{path}[{at}]") for at, value in enumerate(values)]
        )


def _code(code: CodeType) -> bytes:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return joined(
        "code",
        [
            repr(counts).encode(),
            repr(names).encode(),
            code.co_code,
            code.co_exceptiontable,
            *map(_constant, code.co_consts),
        ],
    )


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return joined("tuple", map(_constant, value))
    if isinstance(value, frozenset):  # its order differs between processes
        return joined("frozenset", sorted(map(_constant, value)))
    if type(value) is int:
        return joined("int", [b"%x" % value])  # repr limits the number of digits
    return joined(type(value).__name__, [repr(value).encode("utf-8", "surrogatepass")])


def _place(thing: Any) -> Sequence[str]:
    return str(getattr(thing, "__module__", "")), str(thing.__qualname__)


def _texts(texts: Iterable[str]) -> list[bytes]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]
