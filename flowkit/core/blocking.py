"""What kept a task or an item from running: the failure upstream that began it. Pure.

An item that did not run names the failure, not only the item before it, which may not have run
either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .run_edges import RunEdges
from .states import TASK_FAILURES, TaskState

StateOf = Callable[[int], TaskState | None]


def places_above(edges: RunEdges, task: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return where a failure may be that kept a task or an item from running.

    A failed mapped task ends the items behind it, also those whose own item was cancelled, so the
    tasks above come after the items.
    """
    return edges.above(task), edges.shape.graph.upstream(edges.shape.numbering.node(task))


def blocking(edges: RunEdges, state_of: StateOf, task: int) -> int | None:
    """Return the nearest task or item above that failed, or did not run because of a failure."""
    for above in places_above(edges, task):
        for wanted in TASK_FAILURES:
            for at in above:
                if state_of(at) is wanted:
                    return at
    return None


def failed_above(edges: RunEdges, state_of: StateOf, task: int) -> int:
    """Follow a failure upstream to the task that began it; return the task itself without any."""
    while state_of(task) is TaskState.UPSTREAM_FAILED:
        above = blocking(edges, state_of, task)
        if above is None:
            break
        task = above
    return task
