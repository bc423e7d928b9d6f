"""What goes through the pipe between this process and the children that run its tasks.

Values are pickled here, and nowhere else in flowkit. Reading a pickle can run any code, so it must
come from somebody who could run any code here anyway. That holds for this pipe: it has no name,
its two ends are this process and a child that it started itself from the same program, and nothing
of what goes through it is stored or comes from a file, a socket or Redis.

A function is looked up by the child among the tasks of the modules that it imports. One that no
module has (of a notebook, or defined inside another function) is pickled by cloudpickle, since a
plain pickle of a function is no more than its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

# How a child ends that found the script running a DAG while it was only being imported.
EXIT_UNGUARDED = 78
CHILD_NAME = "flowkit-child-"


class Hello(NamedTuple):
    """The first message to a child: what all its calls share. ``refs``: by function number."""

    run_id: str
    params: Mapping[str, Any]
    log_level: int
    log_json: bool
    capture_output: bool
    refs: Mapping[int, str]


class Ready(NamedTuple):
    """The answer: the child can be called. ``missing``: why which functions were not found."""

    missing: Mapping[int, str]


class Call(NamedTuple):
    """One attempt. ``code``: the packed function, the first time that a child needs it."""

    function: int
    code: bytes | None
    task_name: str
    attempt: int
    args: Sequence[Any]
    kwargs: Mapping[str, Any]


class Done(NamedTuple):
    """The function has returned ``value`` after ``seconds``."""

    seconds: float
    value: Any


class Raised(NamedTuple):
    """The function has raised. ``packed``: the exception, None if it cannot be sent.

    ``kinds``: "module.Class" of all its classes, so that ``retry_on`` can be asked nevertheless.
    """

    packed: bytes | None
    kind: str
    message: str
    trace: str
    kinds: tuple[str, ...]


class Unfit(NamedTuple):
    """The function has returned what no task may return. ``error``: an exception that says so."""

    error: Exception


class Broken(NamedTuple):
    """The call could not be made, or its result cannot be sent: trying again would not help."""

    problem: str


def pack(value: object, *, whole: bool = False) -> bytes:
    """Return ``value`` as bytes; ``whole``: with what ``__main__`` defines, for who cannot import
    that. Raises whatever the value's own code raises, or the pickler.
    """
    if not whole:
        with suppress(Exception):  # a function, perhaps, or an object of a class that no module has
            buffer = BytesIO()
            ForkingPickler(buffer).dump(value)
            return buffer.getvalue()
    data: bytes = import_module("cloudpickle").dumps(value)
    return data


def unpack(data: bytes) -> Any:
    """Return what was packed. Raises whatever the value's own code raises."""
    return ForkingPickler.loads(data)


def class_names(kinds: Sequence[type]) -> tuple[str, ...]:
    """Name classes alike in both processes; a child imports a script as ``__mp_main__``."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    return tuple(name.replace("__mp_main__.", "__main__.", 1) for name in names)
