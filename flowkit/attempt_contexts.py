"""A context of its own for each attempt.

What a task sets there, be it a context variable, the precision of ``decimal`` or what logging and
tracing libraries bind, ends with the attempt: no other task and no other attempt sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial

# The name of the variable in which the decimal module has its context.
_DECIMAL = "decimal_context"


class AttemptContexts:
    """Makes the contexts of attempts: copies of the context in which this object is created.

    ``dag.run`` creates one per run, so tasks see what its caller had set. Children create theirs
    when the app or the script is loaded, so tasks see what that had set.
    """

    def __init__(self) -> None:
        base = copy_context()
        self.new: Callable[[], Context] = base.copy  # returns the context of the next attempt
        # Copies of a context share the objects in it, and this one is changed in place: by tasks,
        # and by the caller of ``arun`` while the run continues.
        if any(variable.name == _DECIMAL for variable in base):
            base.run(_copy_decimal_context)
            self.new = partial(_copy_with_decimal, base)


def _copy_with_decimal(base: Context) -> Context:
    context = base.copy()
    context.run(_copy_decimal_context)
    return context


def _copy_decimal_context() -> None:
    import decimal

    decimal.setcontext(decimal.getcontext().copy())
