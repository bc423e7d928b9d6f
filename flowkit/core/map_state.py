"""One mapped task of one run: its items, as far as their states do not say it."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence

from .map_spec import Maps, MapSpec
from .states import TaskState
from .task_codes import SUCCEEDED

UNUSABLE = -1  # the length of a value that cannot be mapped
_UNKNOWN = -2


class MapState:
    """The items of one mapped task.

    ``itemwise``: the mapped tasks that it is mapped over item by item; ``behind``: those that are
    mapped over it so. ``gate``: how many of its other upstream tasks are not over. ``length``: the
    number of items, None before it has expanded. ``open``: how many of them are not over.
    ``active``: the dispatched items, if their number is limited. ``others``: how its other upstream
    tasks ended. ``started``: whether its items may start. ``is_simple``: whether one starts when
    its one upstream item has succeeded. ``halted``: whether a failure has stopped it.
    """

    __slots__ = (
        "_elements",
        "_next",
        "_ready",
        "active",
        "behind",
        "gate",
        "halted",
        "is_simple",
        "itemwise",
        "length",
        "open",
        "others",
        "spec",
        "started",
        "task",
    )

    def __init__(self, task: int, spec: MapSpec, maps: Maps, upstream: Sequence[int]) -> None:
        self.task, self.spec = task, spec
        self.itemwise = () if spec.flatten else tuple(up for up in spec.over if up in maps)
        self.behind: list[int] = []
        self.gate = len(upstream) - len(self.itemwise)
        self.length: int | None = None
        self.open = 0
        self.active: set[int] | None = set() if spec.max_active else None
        self.others: frozenset[TaskState] = frozenset()
        self.halted = self.started = self.is_simple = False
        self._elements: array[int] | None = None
        self._ready: deque[int] | None = deque() if self.itemwise else None
        self._next = 0

    def grow(self, length: int) -> None:
        """Make the items exist."""
        self.length = self.open = length

    # -- which item may start next -------------------------------------------------------------

    @property
    def may_take(self) -> bool:
        """Whether an item may be ready. It is a hint, as the item may be over."""
        if self._ready is not None:
            return bool(self._ready)
        return self.started and self._next < (self.length or 0)

    def add_ready(self, index: int) -> None:
        """Record that the upstream items of an item are over, and that it may start."""
        if self._ready is not None:
            self._ready.append(index)

    def stop_taking(self) -> None:
        """Record that no item may start any more."""
        self._next = self.length or 0
        if self._ready is not None:
            self._ready.clear()

    def next_index(self) -> int | None:
        """Return the next item that may start, None if there is none."""
        if not self.may_take:
            return None
        if self._ready is not None:
            return self._ready.popleft()
        self._next += 1
        return self._next - 1

    # -- lists that its items returned ---------------------------------------------------------

    def learn(self, index: int, length: int) -> None:
        """Record the length of the list that an item returned."""
        if self._elements is None:
            self._elements = array("i")
        missing = index + 1 - len(self._elements)
        if missing > 0:
            self._elements.extend([_UNKNOWN] * missing)
        self._elements[index] = length

    def elements(self, codes: bytes) -> int:
        """Return the number of elements of all these lists, UNUSABLE if one is no list.

        ``codes``: of the items. Those that did not succeed have no elements.
        """
        lengths = self._elements or ()
        total = 0
        for index, code in enumerate(codes):
            if code == SUCCEEDED:
                length = lengths[index] if index < len(lengths) else UNUSABLE
                if length < 0:
                    return UNUSABLE
                total += length
        return total
