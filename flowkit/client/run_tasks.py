"""The records of a run, as far as a view of the whole run needs them.

There may be a million items. Each record is read once, in parts, and most are only counted: of
items, the records of those that are dispatched are kept, and of the first that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..core.compiled import CompiledDAG
from ..core.run_edges import RunEdges
from ..core.states import TASK_OVER, TaskState
from ..protocol.decoding import PART
from ..protocol.records import TaskRecord
from .run_shape import RecordStore, RunShape, read_shape

MOST_FAILED = 100  # items of one mapped task, of which records are kept


@dataclass(frozen=True, slots=True)
class RunTasks:
    """The tasks and items of a run at one moment.

    ``records``: of the tasks of the graph, by number. ``items``: records of some items: of all that
    are queued, running or waiting, of the first ``MOST_FAILED`` that failed, and of those that were
    asked for. ``states``: of all tasks and items, by number; None where there is no item.
    ``counts``: the items of each mapped task by state. ``retried``: how many of them made more than
    one attempt, without the tasks that have none. ``lanes``: a record of each lane that ran
    items of a task, by their numbers.
    """

    shape: RunShape
    records: list[TaskRecord]
    states: list[TaskState | None]
    items: dict[int, TaskRecord] = field(default_factory=dict)
    counts: dict[int, dict[TaskState, int]] = field(default_factory=dict)
    retried: dict[int, int] = field(default_factory=dict)
    lanes: dict[int, TaskRecord] = field(default_factory=dict)

    @property
    def edges(self) -> RunEdges:
        """What tasks and items wait for."""
        return RunEdges(self.shape.dag, self.shape.lengths)

    def known(self) -> Iterator[tuple[int, TaskRecord]]:
        """Yield the records that are known, by number."""
        yield from enumerate(self.records)
        yield from self.items.items()

    def first_failed(self, task: int) -> int:
        """Return the first item of a mapped task that failed, else the task itself."""
        node, items = self.shape.dag.numbering.node, self.items.items()
        failed = (
            number
            for number, record in items
            if record.state is TaskState.FAILED and node(number) == task
        )
        return next(failed, task)

    def by_lane(self) -> dict[int, TaskRecord]:
        """Return records with all lanes that have run a task or an item, by number."""
        return {**dict(enumerate(self.records)), **self.lanes}

    def totals(self) -> dict[str, int]:
        """Return the number of tasks and items in each state. A mapped task counts as its items."""
        totals: dict[str, int] = {}
        for task, record in enumerate(self.records):
            if not self.shape.lengths.get(task):
                totals[record.state.value] = totals.get(record.state.value, 0) + 1
        for counts in self.counts.values():
            for state, count in counts.items():
                totals[state.value] = totals.get(state.value, 0) + count
        return totals


def read_tasks(
    store: RecordStore,
    run: str,
    dag: CompiledDAG,
    wanted: Collection[int] = (),
    *,
    most_failed: int = MOST_FAILED,
) -> RunTasks:
    """Read the records of a run, in a round trip per thousand tasks and items.

    ``wanted``: items whose records are kept. ``most_failed``: how many failed items of each mapped
    task are kept. Raises CorruptData.
    """
    records = store.read_records(run, range(len(dag.graph)))
    shape = read_shape(store, run, dag, records)
    tasks = RunTasks(shape, records, [record.state for record in records])
    numbering = dag.numbering
    if shape.lengths:
        rows = max(shape.lengths.values())
        tasks.states.extend([None] * (rows * numbering.width))
    for task in sorted(shape.lengths):
        for number, record in _read_items(store, run, tasks, task):
            if _is_kept(record.state, tasks.counts[task], most_failed) or number in wanted:
                tasks.items[number] = record
    return tasks


def _read_items(
    store: RecordStore, run: str, tasks: RunTasks, task: int
) -> Iterator[tuple[int, TaskRecord]]:
    """Yield the items of a task, and count them."""
    numbers, lanes = tasks.shape.items(task), set[str]()
    counts = tasks.counts[task] = {}
    for at in range(0, len(numbers), PART):
        part = numbers[at : at + PART]
        for number, record in zip(part, store.read_records(run, part), strict=True):
            state = tasks.states[number] = record.state
            counts[state] = counts.get(state, 0) + 1
            if record.attempt > 1:
                tasks.retried[task] = tasks.retried.get(task, 0) + 1
            if record.lane not in lanes:
                lanes.add(record.lane)
                tasks.lanes[number] = record
            yield number, record


def _is_kept(state: TaskState, counts: Mapping[TaskState, int], most_failed: int) -> bool:
    if state is TaskState.FAILED:
        return counts[state] <= most_failed
    return state is not TaskState.PENDING and state not in TASK_OVER
