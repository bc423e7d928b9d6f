"""A separate context for each attempt.

Whatever a task sets in its context (a context variable, the precision of ``decimal``, bindings of
logging and tracing libraries) ends with the attempt. No other task and no other attempt sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial

# The name of the context variable of the decimal module.
_DECIMAL = "decimal_context"


class AttemptContexts:
    """Makes the contexts of attempts: copies of the context in which this object is created.

    ``dag.run`` creates one per run, so tasks see what its caller has set. Child processes create
    one after loading the app or the script, so tasks see what that has set.
    """

    def __init__(self) -> None:
        base = copy_context()
        self.new: Callable[[], Context] = base.copy  # returns the context of the next attempt
        # Copies of a context share the objects in it. Tasks, and the caller of ``arun`` during the
        # run, change the decimal context in place, so each copy gets its own.
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
