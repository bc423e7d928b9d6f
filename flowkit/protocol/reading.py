"""Reading what stands in Redis, whoever wrote it: names as they are, lists in parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..exceptions import StoreError

PART = 1000  # most items in one script call


class Damaged(StoreError):
    """What belongs to one run stands in Redis in a form that cannot be read, or is gone.

    No other error of the store says anything about a run: it may be over in a minute.
    """


def text_of(data: bytes) -> str:
    """Read a name. Bytes that are no text make a name that nothing in Redis has."""
    return data.decode("utf-8", "backslashreplace")


def named(resuming: bytes | None) -> tuple[int, ...] | None:
    """Read the field as ``resume`` writes it: "from 3 7", or "1" if no task was named.

    Raises ValueError.
    """
    if resuming is None:
        return None
    return tuple(map(int, resuming.partition(b"from ")[2].split()))


def in_parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Cut a list for scripts that take so many items at a time."""
    return (items[at : at + PART] for at in range(0, len(items), PART))
