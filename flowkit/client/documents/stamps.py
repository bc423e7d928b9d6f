"""Times and durations as documents have them."""

from __future__ import annotations

import datetime as dt


def rounded(length: float | None) -> float | None:
    """Return a duration for ``--json``: seconds, rounded to the millisecond."""
    return None if length is None else round(length, 3)


def utc(stamp: float | None) -> str | None:
    """Return a time (seconds since 1970) for ``--json``: ISO 8601 in UTC. None for None and for a
    time out of range.
    """
    try:
        return None if stamp is None else dt.datetime.fromtimestamp(stamp, dt.UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
