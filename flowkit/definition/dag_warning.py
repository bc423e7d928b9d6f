"""Log a warning about a DAG. No other module of this room uses the log."""

from __future__ import annotations

from ..events.event import Event


def warn_of_dag(event: Event) -> None:
    """Log an event."""
    from ..logging import get_logger  # configured by then, and only needed for a warning
    from ..logging.event_log import EventLog

    EventLog(get_logger()).hear(event)
