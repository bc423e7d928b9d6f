"""Functions of tasks: which are allowed, their names, and the references for workers."""

from __future__ import annotations

import inspect
from types import CoroutineType, GeneratorType
from typing import Any

from ..basics.again import Again
from ..core.names import check_name
from ..exceptions import IllegalValue
from .callables import is_generator

# The usual types of results, which need no check.
_FIT = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict, set})
_CONTAINERS = frozenset({list, tuple, dict})
# An Again is looked for in lists of at most so many elements: 20 ns for each, a third of the time
# that packing takes. Packing refuses it in any list.
MOST_LOOKED_AT = 10_000


def name_of(func: object, name: object) -> str:
    """Return the checked name of a task: the given name, or the function's name."""
    if name is None:
        if not callable(func):
            raise TypeError(
                f"A task is made of a function, not of {func!r}. Write @task or @task()."
            )
        name = getattr(func, "__name__", None)
        if name is None:
            raise TypeError(f"{func!r} has no name: give one with name='…'.")
    return check_name("task", name)


def check_function(name: str, func: object) -> None:
    """Raise TypeError for anything but a function whose result can be passed on."""
    if isinstance(func, type):
        raise TypeError(f"Task {name!r}: a task is made of a function, not of the class {func!r}.")
    if not callable(func):
        raise TypeError(f"Task {name!r}: a task is made of a function, not of {func!r}.")
    owner = _owner_of_method(func)
    if owner is not None:
        raise TypeError(
            f"Task {name!r}: a method of {owner!r} cannot be a task, since a run has no object to "
            "call it on. Write a function that takes what it needs, or make a task of the method "
            f"of one object: task(my_{owner.lower()}.{name})."
        )
    if is_generator(func):
        raise TypeError(
            f"Task {name!r}: a generator function cannot be a task, since its values can be read "
            "only once. Return a list instead of using yield."
        )


def unfit_result(name: str, value: object) -> Exception | None:
    """Return the error for a result that cannot be passed on, or None. A retry would not help.

    A coroutine is refused: a decorator has hidden that the task is async. An iterator is refused,
    because it can be read only once: the second of two tasks that take it would get nothing. An
    object with ``close`` (a file, a cursor) counts as a resource and passes, unless it is a
    generator. ``flowkit.again(…)`` in a list, tuple or dict is refused, because the task would not
    start again; not in a very large one.
    """
    kind = type(value)
    if kind in _CONTAINERS and _has_again(value):
        return IllegalValue(
            f"Task {name!r} returned flowkit.again(…) in a {kind.__name__}. An Again must be "
            "returned by itself: return flowkit.again(…)."
        )
    if kind in _FIT:
        return None
    if kind is CoroutineType:
        value.close()  # type: ignore[attr-defined]
        return TypeError(
            f"Task {name!r} returned a coroutine that is never awaited: a decorator hides that its "
            "function is async. Make the decorator's wrapper an `async def` that awaits it."
        )
    if _is_read_once(kind):
        return IllegalValue(
            f"Task {name!r} returned an iterator ({kind.__name__}), which can be read only once: "
            "of several tasks that take it, one would get its values and the others none. Return a "
            "list instead: list(…)."
        )
    return None


def _has_again(parts: Any) -> bool:
    if len(parts) > MOST_LOOKED_AT:
        return False
    return Again in map(type, parts.values() if type(parts) is dict else parts)


def _is_read_once(kind: type) -> bool:
    if hasattr(kind, "__anext__"):
        return True
    return hasattr(kind, "__next__") and (kind is GeneratorType or not hasattr(kind, "close"))


def ref_of(func: Any) -> str:
    """Return "module:qualname". An object without one gets a reference that no worker finds."""
    qualname = getattr(func, "__qualname__", f"<{type(func).__qualname__}>")
    return f"{getattr(func, '__module__', '?')}:{qualname}"


def _owner_of_method(func: Any) -> str | None:
    """Return the class whose method ``func`` is, None if it needs no object to be called on."""
    path = getattr(func, "__qualname__", "").split(".")
    if not inspect.isfunction(func) or len(path) < 2 or path[-2] == "<locals>":
        return None
    code = inspect.unwrap(func).__code__ if inspect.isfunction(inspect.unwrap(func)) else None
    if code is None or not code.co_argcount or code.co_varnames[0] not in ("self", "cls"):
        return None
    return str(path[-2])


def attribute_at(owner: object, qualname: str) -> object:
    """Return the attribute that a dotted name stands for below ``owner``, None without one."""
    for part in qualname.split("."):
        owner = getattr(owner, part, None)
    return owner
