"""What tasks can be mapped over, here and on workers."""

from __future__ import annotations

from collections.abc import Sequence


def elements_of(value: object) -> Sequence[object] | None:
    """Return the elements of a result that a task is mapped over; those of a dict are its items.

    Return None if it cannot be mapped. Subclasses cannot: what a named tuple or a Counter is made
    of may be anything.
    """
    kind = type(value)
    if kind is list or kind is tuple or kind is range:
        elements: Sequence[object] = value  # type: ignore[assignment]
        return elements
    if kind is dict:
        return list(value.items())  # type: ignore[attr-defined]
    return None
