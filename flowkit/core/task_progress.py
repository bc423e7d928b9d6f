"""How far a task has got, as its function reports it: a count, a total and a text.

It is what a user's code claims, so it is only shown. Nothing is decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_COUNT = 2**53  # counts are below it; larger ones are not exact as a float
MAX_TEXT = 200  # characters


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """``done`` of ``total`` (None if unknown), and ``text``, such as the unit.

    ``at``: when the worker last passed it on, in seconds since 1970 by Redis' clock; None for a run
    in this process. ``text`` is raw: escape it to show it.
    """

    done: float
    total: float | None = None
    text: str = ""
    at: float | None = None

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1; None without a total."""
        if not self.total:
            return None
        return min(1.0, self.done / self.total)

    def __str__(self) -> str:
        shown = counted(self.done)
        if self.total is not None:
            shown = f"{shown}/{counted(self.total)}"
        return f"{shown} {self.text}".rstrip()


def counted(number: float) -> str:
    """Return a count for display: "1,200" or "0.4"."""
    if isinstance(number, int) or number.is_integer():
        return f"{int(number):,}"
    return f"{number:,.3g}" if number < 1000 else f"{number:,.0f}"


def is_count(value: object) -> bool:
    """Return whether a value is a count that may be reported. NaN and infinities are not."""
    return type(value) in (int, float) and 0 <= value < MAX_COUNT  # type: ignore[operator]
