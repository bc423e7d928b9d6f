"""Which tasks and items of a run need which: for reruns, which follow edges item by item.

In a run without mapped tasks, these are the edges of its graph, and ``Graph.with_downstream`` and
``dropping.with_needed`` walk them.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator

from .compiled import CompiledDAG
from .numbering import NODE


class Lineage:
    """The edges between tasks and items of one run."""

    def __init__(self, dag: CompiledDAG, numbers: Iterable[int]) -> None:
        """``numbers``: the tasks and items that have a record. Others cannot have run."""
        self._dag, self._numbering, self._graph = dag, dag.numbering, dag.graph
        self._items: dict[int, list[int]] = {task: [] for task in dag.maps}
        for number in numbers if dag.maps else ():
            if number >= self._numbering.count:
                self._items[self._numbering.split(number)[0]].append(number)

    def rerun(
        self,
        numbers: Iterable[int],
        named: Iterable[int] = (),
        *,
        gone: Collection[int] = (),
        stay: Container[int] = (),
    ) -> set[int]:
        """Return these tasks and items, all that need them, and those in ``gone`` that they take.

        ``named``: tasks of which all items are meant; of a mapped task in ``numbers``, only those
        items are meant that are in ``numbers`` too. ``gone``: the tasks and items whose results
        were dropped. ``stay``: those that are not rerun, and so need nothing, even if they are
        returned.
        """
        reached: set[int] = set()
        walk = self._fresh(numbers, reached)
        for number in named:
            walk += self._fresh(self._whole(number), reached)
        for number in walk:  # grows while it is walked
            walk += self._fresh(self._behind(number), reached)
            if gone and number not in stay:
                walk += self._fresh(filter(gone.__contains__, self._inputs(number)), reached)
        return reached

    @staticmethod
    def _fresh(numbers: Iterable[int], reached: set[int]) -> list[int]:
        fresh = [number for number in dict.fromkeys(numbers) if number not in reached]
        reached.update(fresh)
        return fresh

    def _whole(self, number: int) -> Iterator[int]:
        """Yield a task with its items."""
        yield number
        yield from self._items.get(number, ())

    def _behind(self, number: int) -> Iterator[int]:
        """Yield what needs a task or an item itself: directly, and item by item."""
        task, index = self._numbering.split(number)
        if index != NODE:
            yield task
        for follower in self._graph.downstream(task):
            if not self._is_itemwise(follower, task):
                if index == NODE:
                    yield from self._whole(follower)
            elif index != NODE:
                yield self._numbering.item(follower, index)

    def _inputs(self, number: int) -> Iterator[int]:
        """Yield the tasks and items whose results a task or an item takes."""
        task, index = self._numbering.split(number)
        if index == NODE and task in self._dag.maps:
            return
        for source in self._graph.inputs(task):
            if index != NODE and self._is_itemwise(task, source):
                yield self._numbering.item(source, index)
            elif source in self._dag.maps:
                yield from self._items[source]
            else:
                yield source

    def _is_itemwise(self, task: int, source: int) -> bool:
        spec = self._dag.maps.get(task)
        return (
            spec is not None and not spec.flatten and source in spec.over
        ) and source in self._dag.maps
