"""The kind of function that a callable is, also behind ``partial`` or an object's ``__call__``."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any


def is_async(func: Any) -> bool:
    """Return whether calling ``func`` returns a coroutine."""
    return _is_any(func, inspect.iscoroutinefunction)


def is_generator(func: Any) -> bool:
    """Return whether calling ``func`` returns a generator or an async generator."""
    return _is_any(func, inspect.isgeneratorfunction) or _is_any(func, inspect.isasyncgenfunction)


def _is_any(func: Any, holds_for: Any) -> bool:
    while isinstance(func, partial):
        func = func.func
    return bool(holds_for(func) or holds_for(type(func).__call__))
