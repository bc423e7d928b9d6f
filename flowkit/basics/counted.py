"""Numbers of things for display."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return "1 task" or "3,000 tasks". ``plural``: of a noun that does not just add an "s"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
