"""Events that are logged once per process, before a log may be set up.

They use the standard ``logging`` module, since they may happen before flowkit's logger is
configured. Without a handler they go to standard error.
"""

from __future__ import annotations

import logging

from .event import Event

_warned: set[tuple[str, str]] = set()


def warn_once(event: Event, subject: str) -> None:
    """Log an event, unless one with its name was logged before about the same subject."""
    if (event.event_name, subject) in _warned:
        return
    _warned.add((event.event_name, subject))
    fields = event.fields()
    context = {name: value for name, value in fields.items() if name not in event.told}
    more = {"event": event.event_name, "fields": fields, "context": context}
    logging.getLogger("flowkit").log(event.level, "%s", event.message(), extra=more)
