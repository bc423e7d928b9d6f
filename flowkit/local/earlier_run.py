"""What a resumed run reuses of an earlier one: see record.py for the rules.

It reads the entries of the tasks in the order of the graph, so that what is upstream of a task or
an item is decided before it. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ..core.dropping import with_needed
from ..core.states import TaskState
from ..definition.indexing import IndexedDAG
from ..execution.elements import elements_of

STARTED, DROPPED, EXPANDED, CALLED = "started", "dropped", "expanded", "called"


class Recorded(NamedTuple):
    """The entry of a task. ``about``: its metadata.

    ``inputs``: a digest of the current inputs, with tasks named as in the release that made the
    entry; None if they have no digest.
    """

    key: str
    about: Mapping[str, Any]
    inputs: str | None


class Entries(Protocol):
    """The entries of a DAG's tasks, as ``Records`` reads them."""

    def find(self, index: int, *, of_any_call: bool = False) -> Recorded | None:
        """Return the entry of a task or an item. See ``Records.find``."""
        ...

    def value_of(self, record: Recorded) -> tuple[object] | None:
        """Return the value of an entry, None if it cannot be read."""
        ...


class Reused(NamedTuple):
    """How a task ended in an earlier run: SUCCEEDED with its result, or SKIPPED with None.

    ``length``: how many elements the result has, if other tasks are mapped over it.
    """

    state: TaskState
    value: Any
    length: int | None = None


class Expanded(NamedTuple):
    """The items of a mapped task. ``made_by``: the run in which they began to exist."""

    length: int
    made_by: str


class EarlierRun:
    """The results of an earlier run that a run of the same DAG reuses.

    ``reused``: by the number of the task or item; a mapped task is among them if all its items are,
    without their results. ``expanded``: the mapped tasks whose items still
    exist. ``unfinished``: the at-most-once tasks that were started and have no result. ``called``:
    the names of the attempts whose runs continue, by the number of their task or item
    (call_records.py).
    """

    def __init__(
        self,
        records: Entries,
        indexed: IndexedDAG,
        rerun: Collection[int],
        held: Collection[int],
    ) -> None:
        """``rerun``: the tasks to run again. ``held``: the at-most-once tasks that must not."""
        self.reused: dict[int, Reused] = {}
        self.expanded: dict[int, Expanded] = {}
        self.unfinished: set[int] = set()
        self.called: dict[int, str] = {}
        self._records, self._indexed = records, indexed
        self._graph, self._numbering = indexed.graph, indexed.numbering
        self._rerun, self._held = rerun, frozenset(held)
        self._done: set[int] = set()  # tasks that are reused, mapped ones with all their items
        self._dropped: set[int] = set()

    def read(self) -> None:
        """Find out what is reused."""
        order = self._graph.order()
        for task in order:
            if task in self._indexed.maps:
                self._find_items(task)
                continue
            ups = self._graph.upstream(task)
            result = self._find_held(task) if task in self._held else None
            if result is None and task not in self._rerun and self._done.issuperset(ups):
                result = self._find(task)
            if result is not None:
                self.reused[task] = result
                self._done.add(task)
        if self._dropped:
            self._remake_needed(order)
            self.called = {at: name for at, name in self.called.items() if self._continues(at)}

    def _continues(self, number: int) -> bool:
        """Return whether all results upstream of a task or an item are reused."""
        task, index = self._numbering.split(number)
        itemwise = self._itemwise(task) if task != number else ()
        whole = [up for up in self._graph.upstream(task) if up not in itemwise]
        return self._done.issuperset(whole) and self._follows(itemwise, index)

    def stored_items(self, task: int) -> int:
        """Return how many items of a mapped task may have entries, even of other calls."""
        stored = self._expanded_in(self._records.find(task, of_any_call=True))
        return 0 if stored is None else stored.length

    def _expanded_in(self, record: Recorded | None) -> Expanded | None:
        """Return what the entry of a mapped task says of its items, None if nothing."""
        about: Mapping[str, Any] = {} if record is None else record.about
        length, made_by = about.get("items"), about.get("expansion")
        if about.get("outcome") != EXPANDED or type(length) is not int or type(made_by) is not str:
            return None
        return Expanded(length, made_by) if 0 <= length <= self._numbering.most_items else None

    # -- mapped tasks --------------------------------------------------------------------------

    def _find_items(self, task: int) -> None:
        itemwise, ups = self._itemwise(task), self._graph.upstream(task)
        whole = [up for up in ups if up not in itemwise]
        if task in self._rerun or not self._done.issuperset(whole):
            return
        record = self._records.find(task)
        if record is None:
            return
        expanded = self._expanded_in(record)
        is_same = record.inputs is not None and record.about.get("inputs") == record.inputs
        if record.about.get("outcome") == TaskState.SKIPPED.value:
            if is_same and self._done.issuperset(ups):
                self.reused[task] = Reused(TaskState.SKIPPED, None)
                self._done.add(task)
            return
        held = task in self._held
        if expanded is None or not (is_same or held) or self._length(task) != expanded.length:
            return
        self.expanded[task] = expanded
        numbers = self._numbering.items(task, expanded.length)
        for index, number in enumerate(numbers):
            if self._follows(itemwise, index):
                found = self._find_held(number) if held else self._find(number, expanded.made_by)
                if found is not None:
                    self.reused[number] = found
        if all(number in self.reused for number in numbers):
            self.reused[task] = Reused(TaskState.SUCCEEDED, None)
            self._done.add(task)

    def _itemwise(self, task: int) -> tuple[int, ...]:
        spec = self._indexed.maps[task]
        return () if spec.flatten else tuple(up for up in spec.over if up in self._indexed.maps)

    def _follows(self, itemwise: Collection[int], index: int) -> bool:
        """Return whether all upstream items of an item are reused."""
        return all(self._numbering.item(up, index) in self.reused for up in itemwise)

    def _length(self, task: int) -> int | None:
        """Return how many items a mapped task has in this run, None if that is not known yet."""
        spec = self._indexed.maps[task]
        lengths = {self._length_over(source, flat=spec.flatten) for source in spec.over}
        return lengths.pop() if len(lengths) == 1 else None

    def _length_over(self, source: int, *, flat: bool) -> int | None:
        if source not in self._indexed.maps:
            return self.reused[source].length
        expanded = self.expanded.get(source)
        if expanded is None or not flat:
            return None if expanded is None else expanded.length
        numbers = self._numbering.items(source, expanded.length)
        return sum(self.reused[number].length or 0 for number in numbers)

    # -- one task or item ----------------------------------------------------------------------

    def _find_held(self, number: int) -> Reused | None:
        """Return the result of an at-most-once task, whatever its inputs were."""
        record = self._records.find(number)
        if record is None:
            return None
        if record.about.get("outcome") == TaskState.SUCCEEDED.value:
            value = self._records.value_of(record)
            return None if value is None else self._succeeded(number, value[0], record)
        if record.about.get("outcome") == STARTED:
            self.unfinished.add(number)
        return None

    def _find(self, number: int, made_by: str | None = None) -> Reused | None:
        """``made_by``: the run in which an item began to exist, None for a task of the graph."""
        record = self._records.find(number)
        if record is None or record.inputs is None or record.about.get("expansion") != made_by:
            return None
        if record.about.get("dropped_inputs") == record.inputs:
            self._dropped.add(number)
            return self._succeeded(number, None, record)
        calling = record.about.get("calling_attempt")
        if record.about.get("called_inputs") == record.inputs and type(calling) is str:
            self.called[number] = calling
        if record.about.get("inputs") != record.inputs:
            return None
        value = self._records.value_of(record)
        if value is None:
            return None
        if record.about.get("outcome") == TaskState.SKIPPED.value:
            return Reused(TaskState.SKIPPED, value[0])
        return self._succeeded(number, value[0], record)

    def _succeeded(self, number: int, value: object, record: Recorded) -> Reused:
        if not self._indexed.is_counted(number):
            return Reused(TaskState.SUCCEEDED, value)
        elements = elements_of(value)
        length = record.about.get("length") if elements is None else len(elements)
        return Reused(TaskState.SUCCEEDED, value, length if type(length) is int else None)

    # -- dropped results -----------------------------------------------------------------------

    def _remake_needed(self, order: list[int]) -> None:
        """Rerun the tasks whose dropped results are needed, and everything downstream."""
        gone = {self._numbering.node(number) for number in self._dropped}
        rerun = [task for task in range(len(self._graph)) if task not in self._done]
        held = self._held & self._done
        needed = with_needed(self._graph, rerun, gone, held) - held
        for task in order:
            if task not in needed:
                continue
            if task in self._indexed.maps:
                for number in list(self._needed_items(task)):
                    self.reused.pop(number, None)
            self.reused.pop(task, None)
            self._done.discard(task)

    def _needed_items(self, task: int) -> Iterator[int]:
        """Yield the items that run again of a mapped task that runs again at least in part."""
        expanded, itemwise = self.expanded.get(task), self._itemwise(task)
        if expanded is None:
            return
        whole = [up for up in self._graph.upstream(task) if up not in itemwise]
        if not self._done.issuperset(whole):
            del self.expanded[task]  # there may be other items
        remade = task in self._done or task not in self.expanded
        for index, number in enumerate(self._numbering.items(task, expanded.length)):
            if remade or number in self._dropped or not self._follows(itemwise, index):
                yield number
