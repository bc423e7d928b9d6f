"""The numbers of the items of mapped tasks: which item of which task a number is.

With ``count`` tasks in the graph and ``width`` mapped tasks, item ``index`` of the mapped task in
slot ``slot`` has the number ``count + index * width + slot``. So numbers depend neither on how many
items there are nor on the order in which mapped tasks expand, and nothing has to be stored to read
them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence

MOST_NUMBERS = 10**7  # a number has at most seven digits
# Of one run, as many as a graph may have tasks: a scheduler decides on the end of all of them in
# one step, and its other runs wait meanwhile.
MOST_ITEMS = 2_000_000
NODE = -1  # the index of a number that is a task of the graph
_ITEM_NAME = re.compile(r"(.+)\[(0|[1-9][0-9]{0,6})\]", re.DOTALL)


class Numbering:
    """Numbers of tasks and items. ``mapped``: the mapped tasks, by slot."""

    __slots__ = ("_slots", "count", "mapped", "width")

    def __init__(self, count: int, mapped: Iterable[int] = ()) -> None:
        """``count``: how many tasks the graph has. ``mapped``: those that are mapped."""
        self.count = count
        self.mapped = tuple(sorted(mapped))
        self.width = len(self.mapped)
        self._slots = {task: slot for slot, task in enumerate(self.mapped)}

    @property
    def most_items(self) -> int:
        """The most items that a mapped task can have."""
        most = min(MOST_ITEMS, MOST_NUMBERS - self.count)
        return most // self.width if self.width else 0

    def slot(self, task: int) -> int:
        """Return the slot of a mapped task. Raises KeyError."""
        return self._slots[task]

    def first(self, task: int) -> int:
        """Return the number of the first item of a mapped task. Raises KeyError."""
        return self.count + self._slots[task]

    def item(self, task: int, index: int) -> int:
        """Return the number of an item of a mapped task. Raises KeyError."""
        return self.count + index * self.width + self._slots[task]

    def items(self, task: int, length: int) -> range:
        """Return the numbers of the first ``length`` items of a mapped task. Raises KeyError."""
        first = self.first(task)
        return range(first, first + length * self.width, self.width)

    def split(self, number: int) -> tuple[int, int]:
        """Return (mapped task, index) of an item, (task, NODE) of a task of the graph.

        Raises IndexError for a number that cannot be either.
        """
        if number < self.count:
            return number, NODE
        if not self.width or number >= MOST_NUMBERS:
            raise IndexError(f"no task has the number {number}")
        index, slot = divmod(number - self.count, self.width)
        return self.mapped[slot], index

    def node(self, number: int) -> int:
        """Return the task of the graph that a number is, or is an item of. Raises IndexError."""
        return number if number < self.count else self.split(number)[0]

    def is_result_of(self, number: int, tasks: Container[int]) -> bool:
        """Return whether a number has a result of one of these tasks: of a mapped one, an item.

        Raises IndexError.
        """
        node, index = self.split(number)
        return node in tasks and (index == NODE) == (node not in self._slots)

    def name(self, names: Sequence[str], number: int) -> str:
        """Return the name of a task or an item, such as ``parse[7]``. Raises IndexError."""
        if number < self.count:
            return names[number]
        task, index = self.split(number)
        return item_name(names[task], index)

    def number(self, names: Sequence[str], name: str) -> int | None:
        """Return the number of a task or an item by its name, None if it has none.

        Whether the item exists in a run is not known here.
        """
        if name in names:
            return names.index(name)
        parts = split_name(name)
        if parts is None or parts[0] not in names:
            return None
        task = names.index(parts[0])
        if task not in self._slots or parts[1] >= self.most_items:
            return None
        return self.item(task, parts[1])


def item_name(task: str, index: int) -> str:
    """Return the name of an item."""
    return f"{task}[{index}]"


def labelled(name: str, label: str) -> str:
    """Return the name of an item as people see it, such as ``parse[7] (eu.csv)``."""
    return f"{name} ({label})" if label else name


def split_name(name: str) -> tuple[str, int] | None:
    """Return the parts of a name that has the form of an item's, else None."""
    match = _ITEM_NAME.fullmatch(name)
    return (match[1], int(match[2])) if match else None
