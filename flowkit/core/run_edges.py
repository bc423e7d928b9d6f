"""What the tasks and items of one run wait for, item by item.

Without mapped tasks, these are the edges of the graph. A mapped task that has expanded waits for
its items, and an item for those of the mapped tasks that its task is mapped over item by item: the
other upstream tasks were over when it came to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .graph import Graph
from .map_spec import Maps
from .numbering import NODE, Numbering


class MappedShape(Protocol):
    """A DAG, compiled or not, as far as its edges go."""

    @property
    def graph(self) -> Graph:
        """Its tasks and their edges."""

    @property
    def maps(self) -> Maps:
        """How its mapped tasks are mapped."""

    @property
    def numbering(self) -> Numbering:
        """The numbers of items."""


class RunEdges:
    """The edges of one run. ``lengths``: the number of items of each task that has expanded."""

    __slots__ = ("lengths", "shape")

    def __init__(self, shape: MappedShape, lengths: Mapping[int, int]) -> None:
        self.shape, self.lengths = shape, lengths

    def items(self, task: int) -> range:
        """Return the items of a task, none unless it is mapped and has expanded."""
        length = self.lengths.get(task, 0)
        return self.shape.numbering.items(task, length) if length else range(0)

    def has_items(self, number: int) -> bool:
        """Return whether a number is a mapped task that has expanded."""
        return number in self.lengths

    def is_item(self, number: int) -> bool:
        """Return whether a number is that of an item."""
        return number >= len(self.shape.graph)

    def above(self, number: int) -> Sequence[int]:
        """Return the tasks and items that a task or an item waits for."""
        if number in self.lengths:
            return self.items(number)
        task, index = self.shape.numbering.split(number)
        if index == NODE:
            return self.shape.graph.upstream(task)
        spec = self.shape.maps[task]
        if spec.flatten:
            return ()
        return [self.shape.numbering.item(up, index) for up in spec.over if up in self.shape.maps]
