"""``ITEMS``: how many elements a task returned for the tasks that are mapped over it.

It is a field of the outcome and of the record of a task whose result is mapped, and of the record
of a mapped task that is over:

- ``N``: a mapped task that is over, with N items;
- ``N/K``: N elements, stored in blocks of K each;
- ``!TYPE``: a value of this type, which cannot be mapped.

The name of a type has no characters but letters, digits, ``_`` and ``.``; others become ``_``.
``lua/_lib/outcome_codes.lua`` reads the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .limits import MAX_BLOCK, MAX_ITEM_LABEL, MAX_TYPE, TASK_DIGITS

_COUNT = rf"(?:0|[1-9][0-9]{{0,{TASK_DIGITS - 1}}})"
PATTERN = rf"{_COUNT}(?:/[1-9][0-9]{{0,2}})?|![A-Za-z0-9_.]{{1,{MAX_TYPE}}}"
_ITEMS = re.compile(PATTERN)
_OTHERS = re.compile(r"[^A-Za-z0-9_.]")


@dataclass(frozen=True, slots=True)
class Items:
    """How many elements there are. ``block``: how many are stored together, 0 if none are stored.

    ``refused``: the type of a value that cannot be mapped, "" for one that can.
    """

    count: int
    block: int = 0
    refused: str = ""

    @property
    def text(self) -> str:
        """The text of the field."""
        if self.refused:
            return f"!{self.refused}"
        return f"{self.count}/{self.block}" if self.block else str(self.count)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return -(-self.count // self.block) if self.block else 0

    @classmethod
    def parse(cls, text: str) -> Items:
        """Decode the text of the field. Raises ValueError."""
        if _ITEMS.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not a number of elements")
        if text[0] == "!":
            return cls(0, 0, text[1:])
        count, _, block = text.partition("/")
        items = cls(int(count), int(block or 0))
        if items.block > MAX_BLOCK:
            raise ValueError(f"{text!r} has blocks of more than {MAX_BLOCK} elements")
        return items


def refused(value: object) -> Items:
    """Return what is reported of a value that cannot be mapped."""
    name = type(value).__name__
    return Items(0, 0, _OTHERS.sub("_", name)[-MAX_TYPE:])


def item_label(data: bytes | None) -> str:
    """Decode the label of an item, "" without one. A damaged one is cut, and shown as it is."""
    if data is None:
        return ""
    return data[: 4 * MAX_ITEM_LABEL].decode("utf-8", "replace")[:MAX_ITEM_LABEL]
