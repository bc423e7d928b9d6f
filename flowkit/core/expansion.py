"""The mapped tasks of one run: how many items each has, and which of them may start.

It grows the graph of a run by items, which are numbers only (numbering.py): their states stand
behind those of the tasks in the same array, and their edges are arithmetic. ``Frontier`` calls it
for all that concerns a mapped task. What the end of a task or an item means for items is in
item_ends.py. It sees no value.

Rules:

1.  A mapped task expands when its upstream tasks are over, its trigger allows it, and the length
    of all that it is mapped over is known. It does not wait for a task that it is mapped over item
    by item, which only has to have expanded.
2.  The length of a list is told when its task succeeds. That of a flattened task is the sum of the
    lists that its items returned.
3.  Nothing to map: it has the state of the task that it is mapped over, upstream_failed if that
    failed. A length that cannot be used fails it. It has no items then.
4.  Items are dispatched in the order of their index, those of the last mapped tasks first: so the
    first items reach the end of a chain early. At most ``max_active`` of a mapped task are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .graph import Graph
from .map_spec import Maps, Problem
from .map_state import UNUSABLE, MapState
from .numbering import Numbering
from .states import TaskState
from .task_codes import ABSENT, DISPATCHED, PENDING, STATE, SUCCEEDED, is_over
from .triggers import AFTER_FAILURE, HOOKS, NEEDS_NO_FAILURE, Trigger


class Expansion:
    """The mapped tasks of one run. ``state``: the codes of all tasks, which it extends by items."""

    def __init__(
        self, graph: Graph, maps: Maps, triggers: Mapping[int, Trigger], state: bytearray
    ) -> None:
        self.graph, self.state = graph, state
        self._triggers = triggers
        self.numbering = Numbering(len(graph), maps)
        self.maps = {
            task: MapState(task, spec, maps, graph.upstream(task)) for task, spec in maps.items()
        }
        self.order = [task for task in graph.order() if task in maps]
        self._by_slot = [self.maps[task] for task in self.numbering.mapped]
        self._lengths: dict[int, int] = {}  # of lists, by the tasks that returned them
        for task in self.order:
            for source in self.maps[task].itemwise:
                self.maps[source].behind.append(task)

    # -- questions -----------------------------------------------------------------------------

    def exists(self, number: int) -> bool:
        """Return whether a number is a task, or an item that exists."""
        return 0 <= number < len(self.state) and self.state[number] != ABSENT

    def mapped(self, number: int) -> MapState | None:
        """Return the mapped task of an item, None for a task of the graph."""
        if number < self.numbering.count:
            return None
        return self.maps[self.numbering.split(number)[0]]

    def items(self, mapped: MapState) -> range:
        """Return the numbers of the items of a mapped task."""
        return self.numbering.items(mapped.task, mapped.length or 0)

    def codes(self, mapped: MapState) -> bytes:
        """Return the codes of the items of a mapped task."""
        items = self.items(mapped)
        return bytes(self.state[items.start : items.stop : items.step])

    def trigger(self, task: int) -> Trigger:
        """Return the trigger of a task of the graph."""
        return self._triggers.get(task, Trigger.NONE_FAILED)

    def needs_no_failure(self, task: int) -> bool:
        """Return whether a failed upstream task blocks a task."""
        return self.trigger(task) in NEEDS_NO_FAILURE

    def continues(self, task: int) -> bool:
        """Return whether a task starts in a run that a failure has stopped."""
        return self._triggers.get(task) in AFTER_FAILURE

    def is_hook(self, task: int) -> bool:
        """Return whether a task is a hook."""
        return self._triggers.get(task) in HOOKS

    # -- lengths -------------------------------------------------------------------------------

    def learn(self, lengths: Mapping[int, int]) -> None:
        """Record the lengths of lists: results of tasks and of items."""
        for number, length in lengths.items():
            if number < self.numbering.count:
                self._lengths[number] = length
            else:
                task, index = self.numbering.split(number)
                self.maps[task].learn(index, length)

    def lengths_of(self, mapped: MapState) -> list[int] | None:
        """Return the lengths of all that a task is mapped over, None if one is not known."""
        lengths = [self._length_over(mapped, source) for source in mapped.spec.over]
        known = [length for length in lengths if length is not None]
        return known if len(known) == len(lengths) else None

    def _length_over(self, mapped: MapState, source: int) -> int | None:
        if source in mapped.itemwise:
            return self.maps[source].length
        if self.state[source] != SUCCEEDED:
            return None
        if mapped.spec.flatten:
            return self.maps[source].elements(self.codes(self.maps[source]))
        return self._lengths.get(source, UNUSABLE)

    def problem_of(self, lengths: Sequence[int]) -> Problem | None:
        """Return why a task cannot be mapped over lists of these lengths, None if it can."""
        if min(lengths) < 0:
            return Problem.UNMAPPABLE
        if len(set(lengths)) > 1:
            return Problem.LENGTHS
        return Problem.TOO_MANY if lengths[0] > self.numbering.most_items else None

    # -- growing -------------------------------------------------------------------------------

    def grow(self, mapped: MapState, length: int) -> None:
        """Make the items of a mapped task exist. They are pending."""
        items = self.numbering.items(mapped.task, length)
        mapped.grow(length)
        if not length:
            return
        if items[-1] >= len(self.state):
            rows = (items[-1] - self.numbering.count) // self.numbering.width + 1
            size = self.numbering.count + rows * self.numbering.width
            self.state.extend(bytes([ABSENT]) * (size - len(self.state)))
        self.state[items.start : items.stop : items.step] = bytes(length)

    def load(self, codes: Mapping[int, int]) -> None:
        """Make the items exist that existed when the states were recorded, and set their codes.

        The codes of tasks and all lengths must be set. Raises ValueError for an item that does not
        exist, unless it is pending: then the task that it is mapped over was run again.
        """
        recorded: dict[int, list[tuple[int, int]]] = {}
        for number, code in codes.items():
            recorded.setdefault(self.numbering.split(number)[0], []).append((number, code))
        grown = {task for task, items in recorded.items() if any(code for _, code in items)}
        grown.update(task for task in self.maps if self.state[task] == SUCCEEDED)
        for task in reversed(self.order):  # the items behind others may be the first recorded ones
            if task in grown:
                grown.update(self.maps[task].itemwise)
        for task in self.order:
            mapped = self.maps[task]
            lengths = self.lengths_of(mapped)
            if task in grown and lengths is not None and self.problem_of(lengths) is None:
                self.grow(mapped, lengths[0])
            for number, code in recorded.get(task, ()):
                self._load_item(mapped, number, code)

    def _load_item(self, mapped: MapState, number: int, code: int) -> None:
        if self.exists(number):
            self.state[number] = code
            if code == DISPATCHED and mapped.active is not None:
                mapped.active.add(number)
        elif code != PENDING:
            task, index = self.numbering.split(number)
            raise ValueError(f"there is no item {index} of task {self.graph.names[task]!r}")

    def others_of(self, mapped: MapState) -> frozenset[TaskState] | None:
        """Return how the upstream tasks ended that do not matter item by item, None if not all."""
        others = [
            self.state[up] for up in self.graph.upstream(mapped.task) if up not in mapped.itemwise
        ]
        return frozenset(STATE[code] for code in others) if all(map(is_over, others)) else None

    def ends_quietly(self, number: int) -> bool:
        """Apply the success of an item if nothing ends with it; return whether it was applied.

        It equals ``ItemEnds.item_over`` for nearly all items, at a third of its cost.
        """
        count, width = self.numbering.count, self.numbering.width
        if number < count:
            return False
        mapped = self._by_slot[(number - count) % width]
        if mapped.open < 2 or not mapped.started or mapped.active is not None:
            return False
        for task in mapped.behind:
            if not self.maps[task].is_simple:
                return False
        mapped.open -= 1
        for task in mapped.behind:
            self.maps[task].add_ready((number - count) // width)
        return True

    # -- dispatching ---------------------------------------------------------------------------

    @property
    def may_take(self) -> bool:
        """Whether some item may be ready. It is a hint."""
        return any(mapped.may_take for mapped in self.maps.values())

    def take(self, room: int) -> list[int]:
        """Dispatch up to ``room`` items that are ready and return them."""
        taken: list[int] = []
        for task in reversed(self.order):
            mapped = self.maps[task]
            if mapped.may_take and room > len(taken):
                taken += self._take(mapped, room - len(taken))
        return taken

    def _take(self, mapped: MapState, room: int) -> list[int]:
        state, taken = self.state, list[int]()
        if mapped.active is not None:
            room = min(room, mapped.spec.max_active - len(mapped.active))
        while room > len(taken) and (index := mapped.next_index()) is not None:
            number = self.numbering.item(mapped.task, index)
            if state[number] == PENDING:
                state[number] = DISPATCHED
                taken.append(number)
        if mapped.active is not None:
            mapped.active.update(taken)
        return taken
