"""The messages between this process and the children that run its tasks.

This is the only module of flowkit that pickles values. Reading a pickle can run any code, so a
pickle must come from a source that could run any code here anyway. That holds for this pipe: it has
no name, its two ends are this process and a child that this process started from the same program,
and none of its data is stored or comes from a file, a socket or Redis.

A child looks up a function among the tasks of the modules that it imports. A function that no
module has (in a notebook, or inside another function) is pickled by cloudpickle, since a plain
pickle of a function is only its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

from ...context import Comeback


class Hello(NamedTuple):
    """The first message to a child: what all calls share. ``refs``: by function number."""

    run_id: str
    params: Mapping[str, Any]
    log_level: int
    log_json: bool
    capture_output: bool
    refs: Mapping[int, str]


class Ready(NamedTuple):
    """The reply: the child can be called. ``missing``: why a function, by number, was not found."""

    missing: Mapping[int, str]


class Call(NamedTuple):
    """One attempt. ``code``: the packed function, if this child has not received it before.

    ``comeback``: if the task has come again. ``run_id``, ``params``: of another run than that of
    the first message, else "" and None.
    """

    function: int
    code: bytes | None
    task_name: str
    attempt: int
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    comeback: Comeback | None = None
    run_id: str = ""
    params: Mapping[str, Any] | None = None


class Done(NamedTuple):
    """The function returned ``value`` after ``seconds``."""

    seconds: float
    value: Any


class Raised(NamedTuple):
    """The function raised. ``packed``: the exception, None if it cannot be sent.

    ``kinds``: "module.Class" of all its classes, so that ``retry_on`` can be checked anyway.
    """

    packed: bytes | None
    kind: str
    message: str
    trace: str
    kinds: tuple[str, ...]


class UnfitResult(NamedTuple):
    """The function returned a value that no task may return. ``error``: the exception for it."""

    error: Exception


class BrokenCall(NamedTuple):
    """The call could not be made, or its result cannot be sent: a retry would not help."""

    problem: str


def pack(value: object, *, whole: bool = False) -> bytes:
    """Return ``value`` as bytes. Raises whatever the value's own code or the pickler raises.

    ``whole``: include what ``__main__`` defines, for a process that cannot import it.
    """
    if not whole:
        with suppress(Exception):  # a function or a class may be in no module
            buffer = BytesIO()
            ForkingPickler(buffer).dump(value)
            return buffer.getvalue()
    data: bytes = import_module("cloudpickle").dumps(value)
    return data


def unpack(data: bytes) -> Any:
    """Return the value that was packed. Raises whatever the value's own code raises."""
    return ForkingPickler.loads(data)


def class_names(kinds: Sequence[type]) -> tuple[str, ...]:
    """Return names that are equal in both processes; a child names the script ``__mp_main__``."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    return tuple(name.replace("__mp_main__.", "__main__.", 1) for name in names)
