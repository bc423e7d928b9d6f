"""Warnings of which one for each process is enough.

They go to the standard ``logging`` module: they may come before flowkit's own logger is configured,
and without a handler they go to standard error.
"""

from __future__ import annotations

import logging

_warned: set[tuple[str, str]] = set()


def warn_once(event: str, about: str, message: str, *args: object) -> None:
    """Log a warning, unless one of this event ``about`` the same was logged before."""
    if (event, about) in _warned:
        return
    _warned.add((event, about))
    more = {"event": event, "fields": {}, "context": {}}
    logging.getLogger("flowkit").warning(message, *args, extra=more)
