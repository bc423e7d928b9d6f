"""What tasks get in runs with mapped tasks: elements of lists, and the results of items.

An item gets one element of each task that it is mapped over, and the other results whole. An
element is read with its block, of which the record of the task that returned the list says how many
elements it has. That of a flattened list is found by the records of all items that returned lists.
Both are read once in the life of a run, and blocks are cached, so most items take no round trip.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from flowkit.codec.packing import unpack
from flowkit.core.compiled import CompiledDAG
from flowkit.core.states import TaskState
from flowkit.exceptions import RedisUnavailable, RunLost, StoreError
from flowkit.protocol.decoding import CorruptData, in_parts
from flowkit.protocol.items import Items
from flowkit.protocol.records import TaskRecord
from flowkit.protocol.worker_store import Claim

from .item_plans import Kind, Plans
from .items import Block, BrokenBlock
from .mapped_results import MappedResults
from .results import Life, Results

BLOCK_BYTES_KEPT = 16 * 1024 * 1024
ENTRY_BYTES = 300  # what a block costs beside its bytes
FLAT_KEPT = 4
SOURCES_KEPT = 1000
ELEMENTS_GONE = (
    "elements of the result of task {task!r} in run {run!r} are missing in Redis: they were "
    "deleted or evicted. Resume the run from that task to compute them again. Check the memory "
    "settings of that Redis"
)


class _Place(NamedTuple):
    """Where an element is: the task or item that returned it, how many it returned, and which."""

    number: int
    items: Items
    element: int

    @property
    def block(self) -> int:
        """The number of its block."""
        return self.element // self.items.block


class _Flat:
    """The lists of all items of a mapped task, one after the other."""

    def __init__(self, numbers: range, found: Iterable[Items]) -> None:
        self._numbers = numbers
        self._begins, self._blocks = array("Q", [0]), array("H")
        for items in found:
            self._begins.append(self._begins[-1] + items.count)
            self._blocks.append(items.block)

    def place(self, index: int) -> _Place | None:
        at = bisect_right(self._begins, index) - 1
        if at >= len(self._blocks):
            return None
        begin = self._begins[at]
        items = Items(self._begins[at + 1] - begin, self._blocks[at])
        return _Place(self._numbers[at], items, index - begin)


class ItemInputs:
    """The arguments of tasks in runs with mapped tasks, as one lane reads them."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._store = results.store
        self._sources: OrderedDict[tuple[Life, int], Items] = OrderedDict()
        self._flats: OrderedDict[tuple[Life, int], _Flat] = OrderedDict()
        self._blocks: OrderedDict[tuple[Life, int, int], Block] = OrderedDict()
        self._bytes = 0
        self._mapped = MappedResults(results.store, results.signed, results.max_bytes)
        self._plans = Plans()

    def forget(self) -> None:
        """Drop what was read from Redis, which may have lost it."""
        self._sources.clear()
        self._flats.clear()
        self._blocks.clear()
        self._bytes = 0

    # -- arguments -----------------------------------------------------------------------------

    def results_of(self, dag: CompiledDAG, number: int) -> Sequence[int]:
        """Return the tasks and items whose results a task or an item gets, one by one."""
        node, index = dag.numbering.split(number)
        plan = self._plans.plan(dag, node, index)
        return () if plan.only is not None else plan.numbers(dag, index)

    def arguments(self, claim: Claim, dag: CompiledDAG) -> list[object]:
        """Return what the claimed task or item gets. Raises what ``Inputs.arguments`` raises."""
        node, index = dag.numbering.split(claim.task)
        plan = self._plans.plan(dag, node, index)
        if plan.only is not None:
            return [self._element(claim, dag, self._place(claim, dag, plan.only, index))]
        results = iter(self._results.upstream(claim, plan.numbers(dag, index)))
        arguments: list[object] = []
        for kind, source in plan.sources:
            match kind:
                case Kind.RESULT | Kind.ITEM:
                    arguments.append(next(results))
                case Kind.ELEMENT:
                    place = self._place(claim, dag, source, index)
                    arguments.append(self._element(claim, dag, place))
                case Kind.FLAT:
                    place = self._place_in_flat(claim, dag, source, index)
                    arguments.append(self._element(claim, dag, place))
                case _:
                    lazily = kind is Kind.MAPPED
                    arguments.append(self._whole(claim, dag, source, lazily=lazily))
        return arguments

    def _whole(
        self, claim: Claim, dag: CompiledDAG, mapped: int, *, lazily: bool
    ) -> Sequence[object] | None:
        """Return the results of all items of a mapped task, None if it did not succeed."""
        record = self._store.read_records(claim.run, [mapped])[0]
        if record.state is not TaskState.SUCCEEDED:
            return None
        numbers = dag.numbering.items(mapped, _items_in(dag, mapped, record).count)
        if lazily:
            return self._mapped.mapped(claim, dag, numbers)
        return list(self._results.all_of(claim, numbers))

    # -- elements ------------------------------------------------------------------------------

    def _place(self, claim: Claim, dag: CompiledDAG, source: int, index: int) -> _Place:
        """Return where an element of a list is. Raises StoreError."""
        items = self._sources.get((claim.life, source))
        if items is None:
            items = self._source(claim, dag, source)
        if index >= items.count:
            raise _no_element(dag, source, index)
        return _Place(source, items, index)

    def _place_in_flat(self, claim: Claim, dag: CompiledDAG, source: int, index: int) -> _Place:
        """Return where an element of the lists of all items is. Raises StoreError."""
        place = self._flat(claim, dag, source).place(index)
        if place is None:
            raise _no_element(dag, source, index)
        return place

    def _source(self, claim: Claim, dag: CompiledDAG, task: int) -> Items:
        (record,) = self._store.read_records(claim.run, [task])
        items = self._sources[claim.life, task] = _stored_items(dag, task, record)
        if len(self._sources) > SOURCES_KEPT:
            self._sources.popitem(last=False)
        return items

    def _flat(self, claim: Claim, dag: CompiledDAG, mapped: int) -> _Flat:
        key = claim.life, mapped
        flat = self._flats.get(key)
        if flat is None:
            (record,) = self._store.read_records(claim.run, [mapped])
            numbers = dag.numbering.items(mapped, _items_in(dag, mapped, record).count)
            flat = self._flats[key] = _Flat(numbers, self._lists_of(claim, dag, numbers))
            if len(self._flats) > FLAT_KEPT:
                self._flats.popitem(last=False)
        return flat

    def _lists_of(self, claim: Claim, dag: CompiledDAG, numbers: range) -> Iterator[Items]:
        """Yield how many elements each item returned, 0 for those that did not succeed."""
        for part in in_parts(numbers):
            for number, record in zip(part, self._store.read_records(claim.run, part), strict=True):
                succeeded = record.state is TaskState.SUCCEEDED
                yield _stored_items(dag, number, record) if succeeded else Items(0)

    def _element(self, claim: Claim, dag: CompiledDAG, place: _Place) -> object:
        number, at = divmod(place.element, place.items.block)
        block = self._blocks.get((claim.life, place.number, number))
        if block is None:
            (block,) = self._read(claim, dag, [place])
            if block is None:
                task = dag.task_name(place.number)
                raise RunLost(claim.run, ELEMENTS_GONE.format(task=task, run=claim.run))
        packed = block.element(at)
        return unpack(packed, max_bytes=self._results.max_bytes) if packed else None

    def _read(self, claim: Claim, dag: CompiledDAG, places: Sequence[_Place]) -> list[Block | None]:
        """Read the blocks of these elements, and cache them. Raises StoreError, UntrustedValue."""
        stored = self._store.read_blocks(claim.run, [(at.number, at.block) for at in places])
        found: list[Block | None] = []
        for at, data in zip(places, stored, strict=True):
            block = None
            if data is not None:
                items, number = at.items, at.block
                data = self._results.signed.open_block(claim, at.number, items, number, data)
                try:
                    block = Block(data, min(items.block, items.count - number * items.block))
                except BrokenBlock as error:
                    name = dag.task_name(at.number)
                    raise CorruptData(
                        f"block {number} of the elements of {name!r} is damaged: {error}"
                    ) from None
                self._keep((claim.life, at.number, number), block)
            found.append(block)
        return found

    def _keep(self, key: tuple[Life, int, int], block: Block) -> None:
        before = self._blocks.pop(key, None)
        self._bytes += block.size + ENTRY_BYTES - (before.size + ENTRY_BYTES if before else 0)
        self._blocks[key] = block
        while self._bytes > BLOCK_BYTES_KEPT and len(self._blocks) > 1:
            _, dropped = self._blocks.popitem(last=False)
            self._bytes -= dropped.size + ENTRY_BYTES

    # -- ahead ---------------------------------------------------------------------------------

    def prefetch(self, claims: Iterable[tuple[Claim, CompiledDAG]]) -> None:
        """Read the blocks that several claims need, in one round trip per run."""
        wanted: dict[Life, tuple[Claim, CompiledDAG, dict[tuple[int, int], _Place]]] = {}
        before = None
        for claim, dag in claims:
            try:
                places = self._places(claim, dag)
            except RedisUnavailable:
                raise
            except StoreError:
                continue
            for place in places:
                key = (claim.life, place.number, place.block)
                if key != before and key not in self._blocks:
                    group = wanted.setdefault(claim.life, (claim, dag, {}))
                    group[2][place.number, place.block] = place
                before = key
        for claim, dag, missing in wanted.values():
            try:
                self._read(claim, dag, list(missing.values()))
            except RedisUnavailable:
                raise
            except (StoreError, ValueError):
                continue

    def _places(self, claim: Claim, dag: CompiledDAG) -> Sequence[_Place]:
        """Return where the elements are that an item gets. Raises StoreError."""
        node, index = dag.numbering.split(claim.task)
        plan = self._plans.plan(dag, node, index)
        if plan.only is not None:
            return (self._place(claim, dag, plan.only, index),)
        places: list[_Place] = []
        for kind, source in plan.sources:
            if kind is Kind.ELEMENT:
                places.append(self._place(claim, dag, source, index))
            elif kind is Kind.FLAT:
                places.append(self._place_in_flat(claim, dag, source, index))
        return places


def _no_element(dag: CompiledDAG, source: int, index: int) -> CorruptData:
    return CorruptData(f"{dag.task_name(source)!r} has returned no element {index}")


def _items_in(dag: CompiledDAG, task: int, record: TaskRecord) -> Items:
    if record.items is None:
        raise CorruptData(f"the record of task {dag.task_name(task)!r} lacks its number of items")
    return record.items


def _stored_items(dag: CompiledDAG, task: int, record: TaskRecord) -> Items:
    """Return how many elements a task has stored. Raises CorruptData."""
    items = _items_in(dag, task, record)
    if items.refused or not items.block:
        raise CorruptData(f"the record of task {dag.task_name(task)!r} names no stored elements")
    return items
