"""Durations in words, for messages and pages. Pure: no clock, no locale."""

from __future__ import annotations


def span(ms: int) -> str:
    """Return a duration as "45 s", "5 min 3 s", "2 h 5 min" or "3 d 4 h"."""
    seconds = max(0, round(ms / 1000))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 1:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min {seconds % 60} s"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"


def length(ms: int) -> str:
    """Return how long an attempt took: as a span, or as "45 ms" if it took less than a second."""
    return f"{ms} ms" if 0 <= ms < 1000 else span(ms)
