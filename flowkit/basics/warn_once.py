"""Warnings that are logged once per process.

They use the standard ``logging`` module, since they may come before flowkit's logger is configured.
Without a handler they go to standard error.
"""

from __future__ import annotations

import logging

_warned: set[tuple[str, str]] = set()


def warn_once(event: str, about: str, message: str, *args: object) -> None:
    """Log a warning, unless one with the same event and ``about`` was logged before."""
    if (event, about) in _warned:
        return
    _warned.add((event, about))
    more = {"event": event, "fields": {}, "context": {}}
    logging.getLogger("flowkit").warning(message, *args, extra=more)
