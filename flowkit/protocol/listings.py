"""Lists of what Redis holds: what can be read, and beside it what cannot.

One malformed record must not hide the others, and must not be hidden itself. So a list of runs, of
failed tasks or of workers is never refused for one item; the item is listed in ``damaged``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from .decoding import text_of

T = TypeVar("T")
LONGEST_NAME = 200  # characters of a name that nothing bounded when it was written


class DamagedItem(NamedTuple):
    """Something in a list that cannot be read.

    ``name``: the stored name, such as a run id; cut to 200 characters, and not escaped.
    ``problem``: what is wrong with it, in a few words.
    """

    name: str
    problem: str

    @classmethod
    def of(cls, name: bytes, problem: object) -> DamagedItem:
        """Return one for a name as Redis has it."""
        text = text_of(name[: 4 * LONGEST_NAME])
        shown = text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
        return cls(shown, str(problem))


class Listing(list[T]):
    """A list, with what cannot be read of it in ``damaged``."""

    def __init__(self, items: Iterable[T] = (), damaged: Iterable[DamagedItem] = ()) -> None:
        super().__init__(items)
        self.damaged: list[DamagedItem] = list(damaged)

    def take(self, other: Listing[T]) -> None:
        """Append what another list has, damaged items included."""
        self.extend(other)
        self.damaged += other.damaged

    def cut(self, limit: int) -> None:
        """Keep the first ``limit`` items, and as many damaged ones."""
        del self[limit:], self.damaged[limit:]
