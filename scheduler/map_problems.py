"""Why a task cannot be mapped over what its upstream tasks returned, as a sentence.

The scheduler knows numbers of elements, and no values. The records of the upstream tasks name the
types of those that cannot be mapped. They are read only here, when a run has failed already.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.core.commands import EndMap
from flowkit.core.map_problems import different_lengths, too_many, unmappable
from flowkit.core.map_spec import Problem
from flowkit.core.states import TaskState
from flowkit.protocol.decoding import CorruptData, in_parts
from flowkit.protocol.items import Items
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active

_UNKNOWN = Items(0)


def why_not_mapped(store: SchedulerStore, active: Active, end: EndMap) -> str:
    """Return the error of a mapped task that ends with a problem."""
    try:
        return _why(store, active, end)
    except CorruptData as error:  # the fact that has led here may be forged too
        name = active.dag.task_name(end.task)
        return f"{name!r} cannot be mapped, and a record that says why is damaged: {error}"


def _why(store: SchedulerStore, active: Active, end: EndMap) -> str:
    dag = active.dag
    name, over = dag.task_name(end.task), dag.maps[end.task].over
    if end.problem is Problem.UNMAPPABLE:
        for number, items in _results(store, active, over):
            if items is None or items.refused:
                kind = items.refused if items is not None else ""
                return unmappable(name, dag.task_name(number), kind)
        return unmappable(name, dag.task_name(over[0]), "")
    found = list(_results(store, active, over))
    lengths = [(dag.task_name(number), (items or _UNKNOWN).count) for number, items in found]
    if end.problem is Problem.LENGTHS:
        by_item = [
            (dag.task_name(up), active.state.length(up) or 0) for up in over if up in dag.maps
        ]
        return different_lengths(name, lengths + by_item)
    count = sum(length for _, length in lengths)
    return too_many(name, dag.task_name(over[0]), count, dag.numbering.most_items)


def _results(
    store: SchedulerStore, active: Active, over: tuple[int, ...]
) -> Iterator[tuple[int, Items | None]]:
    """Yield the tasks and items that succeeded, and what their records say of their results."""
    dag = active.dag
    for up in over:
        numbers = range(up, up + 1)
        if up in dag.maps:
            if up not in dag.counted:
                continue
            numbers = dag.numbering.items(up, active.state.length(up) or 0)
        for part in in_parts(numbers):
            for number, record in zip(part, store.read_records(active.run, part), strict=True):
                if record.state is TaskState.SUCCEEDED:
                    yield number, record.items
