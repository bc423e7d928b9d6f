"""The tasks of a run by number: those of the graph, and the items of mapped tasks.

Without mapped tasks these are plain lists, which are the fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..core.numbering import NODE, Numbering, item_name, labelled

T = TypeVar("T", covariant=True)


class _Tasks(Sequence[T]):
    """The task of each number; of an item, the mapped task. Its length is that of the graph."""

    def __init__(self, tasks: Sequence[T], numbering: Numbering) -> None:
        self._tasks, self._numbering = tasks, numbering

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, number: Any) -> Any:
        return self._tasks[self._numbering.node(number)]


class ItemNames(Sequence[str]):
    """The name of each number, such as ``parse[3]``, and ``parse[3] (eu.csv)`` with a label.

    ``labels``: by item, those that were made. ``sources``: the task that makes the labels of items,
    by mapped task (``core.map_spec.label_sources``).
    """

    def __init__(
        self, names: Sequence[str], numbering: Numbering, sources: Mapping[int, int]
    ) -> None:
        self._names, self.numbering, self._sources = names, numbering, sources
        self.labels: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: Any) -> Any:
        return labelled(self.plain(number), self.label(number))

    def label(self, number: int) -> str:
        """Return the label of an item, which may be that of an item before it; "" without one."""
        if not self.labels:
            return ""
        task, index = self.numbering.split(number)
        source = None if index == NODE else self._sources.get(task)
        return "" if source is None else self.labels.get(self.numbering.item(source, index), "")

    def plain(self, number: int) -> str:
        """Return the name without a label."""
        task, index = self.numbering.split(number)
        return self._names[task] if index == NODE else item_name(self._names[task], index)


@dataclass(frozen=True, slots=True)
class Numbered(Generic[T]):
    """``tasks`` and ``names`` by number. ``names`` are shown: they may have labels."""

    tasks: Sequence[T]
    names: Sequence[str]

    @classmethod
    def of(
        cls,
        tasks: Sequence[T],
        names: Sequence[str],
        numbering: Numbering,
        sources: Mapping[int, int],
    ) -> Numbered[T]:
        """Return those of the tasks of a graph and of their items. ``sources``: see ItemNames."""
        if not numbering.width:
            return cls(tasks, names)
        return cls(_Tasks(tasks, numbering), ItemNames(names, numbering, sources))

    def node(self, number: int) -> int:
        """Return the task of the graph that a number is, or is an item of."""
        names = self.names
        return names.numbering.node(number) if isinstance(names, ItemNames) else number

    def items(self, task: int, length: int) -> range:
        """Return the numbers of the first items of a mapped task."""
        names = self.names
        return names.numbering.items(task, length) if isinstance(names, ItemNames) else range(0)

    def label(self, number: int) -> str:
        """Return the label of an item, "" if there is none."""
        return self.names.label(number) if isinstance(self.names, ItemNames) else ""

    def namer(self) -> Callable[[int], str]:
        """Return the function that returns a name without a label, for many calls."""
        names = self.names
        return names.plain if isinstance(names, ItemNames) else names.__getitem__

    def plain_name(self, number: int) -> str:
        """Return a name without a label."""
        names = self.names
        return names.plain(number) if isinstance(names, ItemNames) else names[number]
