"""Lists of items in Redis, with the damaged items beside the valid ones.

One malformed record must neither hide the others nor be hidden. So a list of runs, failed tasks or
workers never fails because of one item; the item is listed in ``damaged``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from .decoding import text_of

T = TypeVar("T")
LONGEST_NAME = 200  # maximum characters of a name that is shown


class DamagedItem(NamedTuple):
    """An item of a list that cannot be read.

    ``name``: the stored name, such as a run id; cut to 200 characters, and not escaped.
    ``problem``: what is wrong with it, in a few words.
    """

    name: str
    problem: str

    @classmethod
    def of(cls, name: bytes, problem: object) -> DamagedItem:
        """Return the item for a raw name from Redis."""
        text = text_of(name[: 4 * LONGEST_NAME])
        shown = text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
        return cls(shown, str(problem))


class Listing(list[T]):
    """A list, with the items that cannot be read in ``damaged``.

    ``cut_short``: whether a search ended at its bound, so that older items were not looked at.
    ``more``: whether more items match than the limit of the list. ``total``: how many items match
    without the limit, None if they were not counted. ``next``: of a list of runs that has more,
    what ``runs(before=…)`` takes for those behind it, else "".
    """

    def __init__(self, items: Iterable[T] = (), damaged: Iterable[DamagedItem] = ()) -> None:
        super().__init__(items)
        self.damaged: list[DamagedItem] = list(damaged)
        self.cut_short = False
        self.more = False
        self.total: int | None = None
        self.next = ""

    def take(self, other: Listing[T]) -> None:
        """Append the items of another list, including damaged items."""
        self.extend(other)
        self.damaged += other.damaged
        self.cut_short = self.cut_short or other.cut_short
        self.more = self.more or other.more

    def cut(self, limit: int) -> None:
        """Keep at most ``limit`` items and ``limit`` damaged items."""
        self.more = self.more or len(self) > limit
        del self[limit:], self.damaged[limit:]
