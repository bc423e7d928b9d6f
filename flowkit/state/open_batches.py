"""The open batches of state stores in which the current code takes part.

A run that is started within ``with state.batch():`` belongs to that batch, so its attempts take
part in it (state/writing.py). This module does not import stores, so that runs without a store do
not need them.
"""

from __future__ import annotations

from contextvars import ContextVar

Batches = tuple[object, ...]
_batches: ContextVar[Batches] = ContextVar("flowkit_batches", default=())


def open_batches() -> Batches:
    """Return the batches in which the current code takes part, for ``take_part``."""
    return _batches.get()


def take_part(batches: Batches) -> None:
    """Let this thread or coroutine take part in these batches until they are closed."""
    _batches.set(batches)
