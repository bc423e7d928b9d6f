"""Log a warning about a DAG. No other module of this room uses the log."""

from __future__ import annotations

from ..basics.log_level import LogLevel


def warn_of_dag(event: str, message: str, **fields: object) -> None:
    """Log a warning. ``fields``: what it is about, such as ``dag_name``."""
    from ..logging import get_logger  # configured by then, and only needed for a warning

    get_logger().event(LogLevel.WARNING, event, message, **fields)
