"""What can be a task's function, what it is called, and where a worker would find it."""

from __future__ import annotations

import inspect
from functools import partial
from types import CoroutineType
from typing import Any

from .options import check_name


def name_of(func: object, name: object) -> str:
    """Return the checked name of a task: the one given, or the function's own."""
    if name is None:
        if not callable(func):
            raise TypeError(
                f"A task is made of a function, not of {func!r}. Write @task or @task()."
            )
        name = getattr(func, "__name__", None)
        if name is None:
            raise TypeError(f"{func!r} has no name of its own: give one with name='…'.")
    return check_name("task", name)


def check_function(name: str, func: object) -> None:
    """Raise TypeError for what is no function, or not one whose result can be handed on."""
    if isinstance(func, type):
        raise TypeError(f"Task {name!r}: a task is made of a function, not of the class {func!r}.")
    if not callable(func):
        raise TypeError(f"Task {name!r}: a task is made of a function, not of {func!r}.")
    owner = _owner_of_method(func)
    if owner is not None:
        raise TypeError(
            f"Task {name!r}: a method of {owner!r} cannot be a task, since a run has no object to "
            "call it with. Write a function that takes what it needs; or make a task of the method "
            f"of one object: task(my_{owner.lower()}.{name})."
        )
    plain = _without_partial(func)
    if inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain):
        raise TypeError(
            f"Task {name!r}: a generator function cannot be a task, since its values would be "
            "gone after one reading. Return a list instead of using yield."
        )


def is_async(func: Any) -> bool:
    """Tell whether calling ``func`` gives a coroutine."""
    plain = _without_partial(func)
    return inspect.iscoroutinefunction(plain) or inspect.iscoroutinefunction(type(plain).__call__)


def refuse_hidden_coroutine(name: str, value: object) -> None:
    """Raise TypeError for a result that is a coroutine: a decorator hid that the task is async."""
    if type(value) is CoroutineType:
        value.close()
        raise TypeError(
            f"Task {name!r} returned a coroutine that nobody awaits: a decorator hides that its "
            "function is async. Make the decorator's wrapper an `async def` that awaits it."
        )


def ref_of(func: Any) -> str:
    """Return "module:qualname"; what has no such place gets one that no worker would find."""
    qualname = getattr(func, "__qualname__", f"<{type(func).__qualname__}>")
    return f"{getattr(func, '__module__', '?')}:{qualname}"


def _owner_of_method(func: Any) -> str | None:
    """Return the class whose method ``func`` is, None if it needs no object to be called with."""
    path = getattr(func, "__qualname__", "").split(".")
    if not inspect.isfunction(func) or len(path) < 2 or path[-2] == "<locals>":
        return None
    code = inspect.unwrap(func).__code__ if inspect.isfunction(inspect.unwrap(func)) else None
    if code is None or not code.co_argcount or code.co_varnames[0] not in ("self", "cls"):
        return None
    return str(path[-2])


def _without_partial(func: Any) -> Any:
    while isinstance(func, partial):
        func = func.func
    return func
