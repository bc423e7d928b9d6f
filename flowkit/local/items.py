"""The mapped tasks of a run in this process: the elements and the results of their items.

The resolver says how many items there are and which start (core/expansion.py). This module has the
values. Its rules:

1.  A list is copied when its items begin to exist, so that what another task does to the list
    changes nothing. The elements themselves are passed as they are, like all results.
2.  The result of a mapped task is the list of its items' results, made once, when it is over.
3.  Only the thread of the runner changes anything but labels and the halted tasks.
4.  A label that cannot be made is reported once for each mapped task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..core.commands import EndMap
from ..core.graph import Graph
from ..core.map_problems import different_lengths, too_many, unmappable
from ..core.map_spec import Maps, Problem, counted_tasks
from ..core.mapped_sequence import Mapped, StoredItems
from ..core.numbering import NODE, Numbering
from ..core.states import TaskState
from ..definition.call_plan import plan_for
from ..definition.labels import label_text
from ..definition.mapped_parameters import takes_mapped
from ..definition.task_like import TaskLike
from ..exceptions import MapError
from ..execution.elements import elements_of
from .item_failures import ItemFailures
from .numbered import ItemNames

_NOT_MAPPED = -1  # the length of what cannot be mapped


class MappedGraph(NamedTuple):
    """The tasks of a DAG, of which some are mapped. ``own``: how many of them are not hooks."""

    tasks: Sequence[TaskLike]
    graph: Graph
    own: int
    maps: Maps
    numbering: Numbering


class Resolver(Protocol):
    """What ``core.run.Run`` is asked here."""

    def length(self, task: int) -> int | None:
        """Return how many items a mapped task has, None before it has expanded."""
        ...

    def state(self, task: int) -> TaskState:
        """Return the state of a task or an item."""
        ...


class Items:
    """The items of one run. ``numbering``: their numbers. ``lengths``: how many each task has."""

    def __init__(
        self,
        graph: MappedGraph,
        names: Sequence[str],
        run: Resolver,
        results: list[Any],
        copies: Callable[[Sequence[Any]], Sequence[Any]],
        unlabelled: Callable[[int, BaseException], None],
    ) -> None:
        """``results``: by number. ``copies``: what attempts get elements from (environment.py).

        ``unlabelled``: called with the first error of each mapped task whose label cannot be made.
        """
        self.numbering, self._maps = graph.numbering, graph.maps
        self.lengths: dict[int, int] = {}
        self._graph, self._own, self._tasks = graph.graph, graph.own, graph.tasks
        self._names, self._run, self._results, self._copies = names, run, results, copies
        self._counted = counted_tasks(graph.maps)
        self._counts: dict[int, int] = {}  # elements, by the task or item that returned them
        self._kinds: dict[int, str] = {}  # types of results that cannot be mapped
        self._untold: dict[int, int] = {}
        self._elements: dict[int, dict[int, Sequence[Any]]] = {}
        self._halted: set[int] = set()
        self._lazy = {task: self._lazy_inputs(task) for task in range(graph.own)}
        self._failures = None
        if any(self._lazy.values()):
            self._failures = ItemFailures(graph, names, run.state)
        self._unlabelled = unlabelled
        self._without_label: dict[int, object] = {}  # what the first error has set, by mapped task

    def _lazy_inputs(self, task: int) -> frozenset[int]:
        """Return the mapped tasks whose results a task takes as ``Mapped``."""
        return frozenset(
            source
            for at, source in enumerate(self._graph.inputs(task))
            if source in self._maps and takes_mapped(self._tasks[task], at)
        )

    def collects(self, number: int) -> bool:
        """Return whether this is an item whose failure does not fail its mapped task."""
        node, index = self.numbering.split(number)
        return index != NODE and self._maps[node].collect

    # -- after a failure -----------------------------------------------------------------------

    def halt(self, number: int) -> None:
        """Let no further item of a mapped task begin, as one has failed. Any thread may call it."""
        node, index = self.numbering.split(number)
        if index != NODE:
            self._halted.add(node)

    def is_halted(self, number: int) -> bool:
        """Return whether this is an item of a mapped task of which no further item begins."""
        node, index = self.numbering.split(number)
        return index != NODE and node in self._halted

    # -- lengths -------------------------------------------------------------------------------

    def count(self, number: int, value: object, length: int | None = None) -> None:
        """Count the elements of a result, if it is mapped. ``length``: as an earlier run did."""
        node, index = self.numbering.split(number)
        if node not in self._counted or (index == NODE) != (node not in self._maps):
            return
        elements = elements_of(value)
        if elements is None and length is None:
            self._kinds[number] = type(value).__name__
        known = length if elements is None else len(elements)
        self._counts[number] = self._untold[number] = _NOT_MAPPED if known is None else known

    def restore(self, reused: Mapping[int, tuple[TaskState, Any, int | None]]) -> dict[int, int]:
        """Count the elements of the results that an earlier run made, and return their lengths.

        There is room for all of them then.
        """
        self._make_room(max(reused, default=0) + 1)
        for number, (state, value, length) in reused.items():
            if state is TaskState.SUCCEEDED:
                self.count(number, value, length)
        return self.take_lengths()

    def take_lengths(self) -> dict[int, int]:
        """Return the lengths that the resolver has not been told."""
        lengths, self._untold = self._untold, {}
        return lengths

    def expand(self) -> list[tuple[int, int]]:
        """Return the tasks that have expanded since the last call, each with its length."""
        fresh = []
        for task in self._maps:
            length = None if task in self.lengths else self._run.length(task)
            if length is not None:
                self.lengths[task] = length
                self._elements[task] = self._gathered(task) if length else {}
                fresh.append((task, length))
        if fresh:
            rows = max(self.lengths.values())
            self._make_room(self.numbering.count + rows * self.numbering.width)
        return fresh

    def _make_room(self, size: int) -> None:
        self._results.extend([None] * (size - len(self._results)))

    def _gathered(self, task: int) -> dict[int, Sequence[Any]]:
        """Return the elements that the items of a task get, by the tasks that returned them."""
        spec = self._maps[task]
        if spec.flatten:
            source = spec.over[0]
            numbers = self.numbering.items(source, self.lengths[source])
            parts = (elements_of(self._results[number]) or () for number in numbers)
            return {source: self._copies([element for part in parts for element in part])}
        lists = {source: self._results[source] for source in spec.over if source not in self._maps}
        return {
            source: self._copies(list(elements_of(value) or ())) for source, value in lists.items()
        }

    # -- arguments -----------------------------------------------------------------------------

    def arguments(self, number: int) -> list[Any]:
        """Return what a task or an item gets. Any thread may call this."""
        node, index = self.numbering.split(number)
        sources = self._graph.inputs(node)
        if index == NODE:
            return [self._whole(node, source) for source in sources]
        over = self._maps[node].over
        args = [
            self._element(node, index, source) if source in over else self._whole(node, source)
            for source in sources
        ]
        self._label(number, node, [args[sources.index(source)] for source in over], args)
        return args

    def _element(self, node: int, index: int, source: int) -> Any:
        elements = self._elements[node].get(source)
        if elements is None:
            return self._results[self.numbering.item(source, index)]
        return elements[index]

    def _whole(self, node: int, source: int) -> Any:
        value = self._results[source]
        return value if value is None or source not in self._lazy[node] else self._mapped(source)

    def _mapped(self, source: int) -> Mapped[Any]:
        numbers = self.numbering.items(source, self.lengths[source])
        states = [self._run.state(number) for number in numbers]
        failures = [] if self._failures is None else self._failures.of(numbers, states)
        return Mapped(len(numbers), StoredItems(self._results[source], states, failures))

    def _label(self, number: int, node: int, items: list[Any], args: list[Any]) -> None:
        task, names = self._tasks[node], self._names
        label = None if task.map_options is None else task.map_options.label
        if label is None or not isinstance(names, ItemNames) or number in names.labels:
            return

        def failed(error: BaseException) -> None:
            mine = object()
            if self._without_label.setdefault(node, mine) is mine:  # in one thread only
                self._unlabelled(number, error)

        names.labels[number] = label_text(label, plan_for(task).positional, args, items, failed)

    # -- ends ----------------------------------------------------------------------------------

    def failed(self, number: int, error: BaseException) -> None:
        """Keep the error of a task or an item that has failed for good, for ``Mapped``."""
        if self._failures is not None:
            self._failures.note(number, error)

    def end(self, end: EndMap) -> MapError | None:
        """Make the result of a mapped task that is over; return its error if it has a problem."""
        self._elements.pop(end.task, None)
        if end.problem is not None:
            error = MapError(self._problem(end))
            self.failed(end.task, error)
            return error
        if end.state is TaskState.SUCCEEDED and end.task < self._own:
            numbers = self.numbering.items(end.task, end.length)
            self._results[end.task] = [self._results[number] for number in numbers]
        return None

    def ended_before(self, states: Mapping[int, TaskState]) -> list[EndMap]:
        """Return the ends of the mapped tasks that have succeeded in an earlier run."""
        ended = [task for task in self._maps if states.get(task) is TaskState.SUCCEEDED]
        return [EndMap(task, TaskState.SUCCEEDED, self.lengths[task]) for task in ended]

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget the results of mapped tasks whose items' results are dropped."""
        for node in {self.numbering.node(number) for number in numbers}:
            self._results[node] = None

    def _problem(self, end: EndMap) -> str:
        task, spec = self._names[end.task], self._maps[end.task]
        counts = [(self._names[source], self._length_of(source)) for source in spec.over]
        match end.problem:
            case Problem.LENGTHS:
                return different_lengths(task, counts)
            case Problem.TOO_MANY:
                source, count = max(counts, key=lambda pair: pair[1])
                return too_many(task, source, count, self.numbering.most_items)
        number = next(number for number in sorted(self._kinds) if self._is_over(spec.over, number))
        return unmappable(task, self._names[number], self._kinds[number])

    def _is_over(self, over: Sequence[int], number: int) -> bool:
        return self.numbering.node(number) in over

    def _length_of(self, source: int) -> int:
        if source in self.lengths:
            numbers = self.numbering.items(source, self.lengths[source])
            lists = [self._counts[number] for number in numbers if number in self._counts]
            return sum(lists) if source in self._counted else self.lengths[source]
        return self._counts.get(source, 0)
