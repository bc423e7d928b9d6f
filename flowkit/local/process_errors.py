"""Exceptions on their way from a child process to its parent: the same text, attributes and causes.

A pickle of an exception calls its class anew with ``args``, which are what its constructor gave to
``Exception`` and not what it was given: ``HttpError(404)`` with the text "HTTP 404" came back as
"HTTP HTTP 404". Its causes were lost. So here an exception is sent in parts and put together again
without a call of its own constructor. Two rules:

1.  A class that says itself how it is pickled (``__reduce__``) is pickled that way.
2.  A cause that cannot be sent is left out; it does not take the exception with it.

Reading these bytes may run any code: see process_wire.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any, NamedTuple

from .process_wire import pack, unpack

_LONGEST_CHAIN = 8


class _Parts(NamedTuple):
    """An exception taken apart. ``members``: those of a group, packed, None for no group."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any] | None
    members: Sequence[bytes] | None


class _Packed(NamedTuple):
    """An exception, in parts or as it is, and those that led to it, packed.

    ``context``: None also if it is the cause, as after ``raise … from``.
    """

    error: _Parts | BaseException
    cause: bytes | None
    context: bytes | None
    is_one: bool  # cause and context are one exception
    hides_context: bool


def pack_error(error: BaseException, depth: int = 0) -> bytes:
    """Return an exception as bytes. Raises whatever its own code raises, or the pickler."""
    is_one = error.__context__ is error.__cause__
    cause = _packed_link(error.__cause__, depth + 1)
    context = None if is_one else _packed_link(error.__context__, depth + 1)
    taken_apart = _parts_of(error, depth) if _has_usual_pickle(type(error)) else error
    return pack(_Packed(taken_apart, cause, context, is_one, error.__suppress_context__))


def unpack_error(data: bytes) -> BaseException:
    """Return the exception. Raises whatever its own code raises, or the pickler."""
    packed: _Packed = unpack(data)
    error = packed.error
    if isinstance(error, _Parts):
        error = _put_together(error)
    error.__cause__ = None if packed.cause is None else unpack_error(packed.cause)
    error.__context__ = None if packed.context is None else unpack_error(packed.context)
    if packed.is_one:
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
    """Tell whether a class leaves it to Python how it is pickled."""
    usual = isinstance(kind.__reduce__, MethodDescriptorType)
    return usual and isinstance(kind.__reduce_ex__, MethodDescriptorType)


def _parts_of(error: BaseException, depth: int) -> _Parts:
    # Python's own classes know what else makes them up: the file name of an OSError, say.
    reduced: Any = error.__reduce__()
    kind, args, *state = reduced
    members = None
    if isinstance(error, BaseExceptionGroup):
        args = (error.message,)
        members = [pack_error(member, depth + 1) for member in error.exceptions]
    return _Parts(kind, args, state[0] if state else None, members)


def _put_together(parts: _Parts) -> BaseException:
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
    found: type[BaseException] = next(
        base
        for base in bases
        if isinstance(base.__new__, BuiltinFunctionType) and not hasattr(base.__init__, "__code__")
    )
    return found
