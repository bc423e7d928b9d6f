"""The shape of one run for those who read it: which items its mapped tasks have, and their names.

The compiled DAG says which tasks are mapped, and the records say how many items each has. A run
without mapped tasks has the shape of its DAG, and nothing is read for it.

The rules are those of ``core/expansion.py``: a mapped task that is over has the items that its
record names; another one has items as soon as its other upstream tasks are over and the length of
what it is mapped over is known. Lengths come from Redis, so they are bounded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

from ..core.compiled import CompiledDAG
from ..core.map_spec import MapSpec
from ..core.numbering import NODE, item_name, split_name
from ..core.states import TASK_OVER, TaskState
from ..definition.task_names import number_of
from ..exceptions import FlowkitError, TaskNotFoundError
from ..protocol.decoding import PART, CorruptData
from ..protocol.records import TaskRecord


class RecordStore(Protocol):
    """The calls to a store that the shape of a run is read with."""

    def read_records(self, run: str, tasks: Sequence[int]) -> list[TaskRecord]:
        """Return the records of these tasks."""


Records = Mapping[int, TaskRecord] | Sequence[TaskRecord]  # of tasks of the graph, by number


@dataclass(frozen=True, slots=True)
class RunShape:
    """The tasks and items of one run.

    ``lengths``: the number of items by mapped task; those that have not expanded are left out.
    """

    dag: CompiledDAG
    lengths: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The number of tasks and items. A mapped task counts as its items, once it has any."""
        lengths = self.lengths.values()
        return len(self.dag.graph) + sum(lengths) - sum(length > 0 for length in lengths)

    def items(self, task: int) -> range:
        """Return the numbers of the items of a task, none unless it is mapped and has expanded."""
        length = self.lengths.get(task, 0)
        return self.dag.numbering.items(task, length) if length else range(0)

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of all tasks, then those of all items, task by task."""
        tasks = range(len(self.dag.graph))
        return chain(tasks, *(self.items(task) for task in sorted(self.lengths)))

    def whole(self, number: int) -> list[int]:
        """Return a task with its items, or just the number of an item."""
        return [number, *self.items(number)] if number < len(self.dag.graph) else [number]

    def exists(self, number: int) -> bool:
        """Return whether a number is that of a task, or of an item that exists."""
        if not self.dag.is_valid(number):
            return False
        task, index = self.dag.numbering.split(number)
        return index == NODE or index < self.lengths.get(task, 0)

    def name(self, number: int | None) -> str | None:
        """Return the name of a task or an item, None for a number that can be neither."""
        if number is None or not self.dag.is_valid(number):
            return None
        return self.dag.task_name(number)

    def number(self, name: str, whose: str) -> int:
        """Return the number of a task or an item. ``whose``: the run, as an error names it.

        Raises TypeError if ``name`` is not a string, TaskNotFoundError.
        """
        names = self.dag.graph.names
        number = self.dag.numbering.number(names, name) if isinstance(name, str) else None
        if number is not None and self.exists(number):
            return number
        task = split_name(name) if isinstance(name, str) else None
        if task is None or task[0] not in names:
            return number_of(name, names, whose)
        raise TaskNotFoundError(f"{whose} has no task {name!r}: {self._why(task[0])}")

    def item_names(self, prefix: str) -> Iterator[str]:
        """Yield the names of the items that begin so."""
        for task, length in self.lengths.items():
            name = self.dag.graph.names[task]
            if prefix.startswith(f"{name}["):
                items = (item_name(name, index) for index in range(length))
                yield from (item for item in items if item.startswith(prefix))

    def mapped(self, name: str, whose: str) -> int:
        """Return the number of a mapped task. Raises what ``number`` raises, and FlowkitError."""
        number = self.number(name, whose)
        if number not in self.dag.maps:
            raise FlowkitError(f"task {name!r} of {whose} is not mapped, so it has no items")
        return number

    def _why(self, name: str) -> str:
        """Return why a task has no such item."""
        task = self.dag.graph.names.index(name)
        if task not in self.dag.maps:
            return f"{name!r} is not mapped, so it has no items. Name it without the brackets."
        length = self.lengths.get(task)
        if length is None:
            return (
                f"{name!r} has no items yet. It gets them when the tasks that it is mapped over "
                "are over."
            )
        if not length:
            return f"{name!r} has no items."
        return f"{name!r} has {length:,}, from '{name}[0]' to '{name}[{length - 1}]'."


def read_shape(
    store: RecordStore, run: str, dag: CompiledDAG, records: Records | None = None
) -> RunShape:
    """Return the shape of a run.

    ``records``: of the tasks of the graph; without them, those that are needed are read. Without
    mapped tasks, nothing is read. Raises CorruptData.
    """
    if not dag.maps:
        return RunShape(dag)
    if records is None:
        upstream = (source for task in dag.maps for source in dag.graph.upstream(task))
        needed = sorted({*dag.maps, *upstream})
        records = dict(zip(needed, store.read_records(run, needed), strict=True))
    return RunShape(dag, _Lengths(store, run, dag, records).all())


class _Lengths:
    """Works the lengths of mapped tasks out."""

    def __init__(self, store: RecordStore, run: str, dag: CompiledDAG, records: Records) -> None:
        self._store, self._run, self._dag, self._records = store, run, dag, records
        self._found: dict[int, int] = {}

    def all(self) -> dict[int, int]:
        maps = self._dag.maps
        for task in [task for task in self._dag.graph.order() if task in maps]:
            length = self._length(task, maps[task])
            if length is not None:
                self._found[task] = length
        return self._found

    def _length(self, task: int, spec: MapSpec) -> int | None:
        record = self._records[task]
        if record.state in TASK_OVER:
            return self._recorded(task, record)
        itemwise = () if spec.flatten else [up for up in spec.over if up in self._dag.maps]
        others = (up for up in self._dag.graph.upstream(task) if up not in itemwise)
        if not all(self._records[up].state in TASK_OVER for up in others):
            return None
        lengths = [self._over(source, spec) for source in spec.over]
        # What cannot be mapped fails the task: the scheduler is about to record that.
        if None in lengths or len(set(lengths)) > 1:
            return None
        length = lengths[0]
        return length if length is not None and length <= self._dag.numbering.most_items else None

    def _recorded(self, task: int, record: TaskRecord) -> int:
        """Return the number of items of a mapped task that is over."""
        name = self._dag.graph.names[task]
        if record.items is None:
            if record.state is TaskState.SUCCEEDED:
                raise CorruptData(f"the record of task {name!r} lacks its number of items")
            return 0
        if record.items.count > self._dag.numbering.most_items:
            raise CorruptData(
                f"the record of task {name!r} names {record.items.count:,} items, and it can have "
                f"{self._dag.numbering.most_items:,}"
            )
        return record.items.count

    def _over(self, source: int, spec: MapSpec) -> int | None:
        if source in self._dag.maps:
            return self._flat(source) if spec.flatten else self._found.get(source)
        record = self._records[source]
        if record.state is not TaskState.SUCCEEDED or record.items is None or record.items.refused:
            return None
        return record.items.count

    def _flat(self, mapped: int) -> int | None:
        """Return how many elements the items of a mapped task returned, None if one is no list."""
        if self._records[mapped].state is not TaskState.SUCCEEDED:
            return None
        numbers = self._dag.numbering.items(mapped, self._found.get(mapped, 0))
        total = 0
        for at in range(0, len(numbers), PART):
            for record in self._store.read_records(self._run, numbers[at : at + PART]):
                if record.state is TaskState.SUCCEEDED:
                    if record.items is None or record.items.refused:
                        return None
                    total += record.items.count
        return total


def stored_inputs(dag: CompiledDAG, number: int) -> list[int]:
    """Return the tasks and items whose whole results a task or an item gets."""
    task, index = dag.numbering.split(number)
    spec = dag.maps.get(task) if index != NODE else None
    found: list[int] = []
    for source in dag.graph.inputs(task):
        over = spec is not None and source in spec.over
        if source in dag.maps and spec is not None and over and not spec.flatten:
            found.append(dag.numbering.item(source, index))
        elif source not in dag.maps and not over:
            found.append(source)
    return found
