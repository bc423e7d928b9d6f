"""Sending exceptions from a child process to its parent with text, attributes and causes.

Unpickling an exception calls its class with ``args``, which are the arguments that its constructor
passed to ``Exception``, not the ones that it received: ``HttpError(404)`` with the text "HTTP 404"
would arrive as "HTTP HTTP 404", and without its causes. So an exception is sent in parts and
rebuilt without calling its constructor. Two rules:

1.  A class that defines how it is pickled (``__reduce__``) is pickled that way.
2.  A cause that cannot be sent is left out; the exception is sent anyway.

Reading these bytes may run any code: see wire.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any, NamedTuple

from .wire import pack, unpack

_LONGEST_CHAIN = 8


class _Parts(NamedTuple):
    """The parts of an exception. ``members``: packed members of a group, None if it is no group."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any] | None
    members: Sequence[bytes] | None


class _Packed(NamedTuple):
    """An exception, in parts or whole, with its packed cause and context.

    ``context``: None also if it is the same exception as the cause, as after ``raise … from``.
    """

    error: _Parts | BaseException
    cause: bytes | None
    context: bytes | None
    is_same: bool  # cause and context are the same exception
    hides_context: bool


def pack_error(error: BaseException, depth: int = 0) -> bytes:
    """Return an exception as bytes. Raises whatever its own code or the pickler raises."""
    is_same = error.__context__ is error.__cause__
    cause = _packed_link(error.__cause__, depth + 1)
    context = None if is_same else _packed_link(error.__context__, depth + 1)
    parts = _parts_of(error, depth) if _has_usual_pickle(type(error)) else error
    return pack(_Packed(parts, cause, context, is_same, error.__suppress_context__))


def unpack_error(data: bytes) -> BaseException:
    """Return the exception. Raises whatever its own code or the pickler raises."""
    packed: _Packed = unpack(data)
    error = packed.error
    if isinstance(error, _Parts):
        error = _rebuilt(error)
    error.__cause__ = None if packed.cause is None else unpack_error(packed.cause)
    error.__context__ = None if packed.context is None else unpack_error(packed.context)
    if packed.is_same:
        error.__context__ = error.__cause__
    error.__suppress_context__ = packed.hides_context
    return error


def _packed_link(error: BaseException | None, depth: int) -> bytes | None:
    if error is None or depth > _LONGEST_CHAIN:
        return None
    with suppress(Exception):
        data = pack_error(error, depth)
        unpack_error(data)
        return data
    return None


def _has_usual_pickle(kind: type[BaseException]) -> bool:
    """Return whether a class is pickled in Python's default way."""
    usual = isinstance(kind.__reduce__, MethodDescriptorType)
    return usual and isinstance(kind.__reduce_ex__, MethodDescriptorType)


def _parts_of(error: BaseException, depth: int) -> _Parts:
    # Python's own classes know their further parts, such as the file name of an OSError.
    reduced: Any = error.__reduce__()
    kind, args, *state = reduced
    members = None
    if isinstance(error, BaseExceptionGroup):
        args = (error.message,)
        members = [pack_error(member, depth + 1) for member in error.exceptions]
    return _Parts(kind, args, state[0] if state else None, members)


def _rebuilt(parts: _Parts) -> BaseException:
    args = parts.args
    if parts.members is not None:
        args = (*args, [unpack_error(member) for member in parts.members])
    base: Any = _python_class_of(parts.kind)
    error: BaseException = base.__new__(parts.kind, *args)
    base.__init__(error, *args)
    if parts.state:
        error.__setstate__(parts.state)
    return error


def _python_class_of(kind: type[BaseException]) -> type[BaseException]:
    """Return the first of the classes that has no constructor written in Python."""
    bases: tuple[Any, ...] = kind.__mro__
    built_in: type[BaseException] = next(
        base
        for base in bases
        if isinstance(base.__new__, BuiltinFunctionType) and not hasattr(base.__init__, "__code__")
    )
    return built_in
