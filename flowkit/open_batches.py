"""The batches of state stores that what runs here takes part in: its own, and those round its run.

A run that is started within ``with state.batch():`` works for the one that has opened the batch, so
its attempts are told of it (state/writing.py). This module knows nothing of stores, so that runs
without one do not import them.
"""

from __future__ import annotations

from contextvars import ContextVar

Batches = tuple[object, ...]
_batches: ContextVar[Batches] = ContextVar("flowkit_batches", default=())


def open_batches() -> Batches:
    """Return the batches that what runs here takes part in, to be handed to ``take_part``."""
    return _batches.get()


def take_part(batches: Batches) -> None:
    """Let this thread, or coroutine, take part in these batches, as long as they last."""
    _batches.set(batches)
