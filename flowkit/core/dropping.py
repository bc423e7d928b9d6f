"""Dropping results: which results of ``keep_result=False`` tasks are no longer needed.

Invariants:

1.  ``_open[t]`` counts task ``t`` and its consumers (the tasks that get its result, hooks included)
    that are not over, once every task that is over was passed to ``end``. It is 0 from the start
    for a task whose result is kept. Tasks that only come after ``t`` (order edges) do not count.
2.  A result is due when that count reaches 0: no attempt will read it any more. A consumer that
    waits for a retry, or was given back, is not over. One that failed, or was skipped, blocked or
    cancelled, is over.

A resume starts from new counts. It also reruns the tasks whose dropped results it needs, which
``with_needed`` finds.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable

from .graph import Graph


class Dropping:
    """Counts the consumers of results that are not kept. It takes four bytes per task."""

    __slots__ = ("_due", "_graph", "_open")

    def __init__(self, graph: Graph, tasks: Iterable[int]) -> None:
        """``tasks``: those whose results are not kept."""
        self._graph = graph
        self._open: array[int] = array("i", bytes(4 * len(graph)))
        consumers = graph.consumer_counts()
        for task in tasks:
            self._open[task] = 1 + consumers[task]
        self._due: list[int] = []

    def end(self, task: int) -> None:
        """Record that a task is over. Each task must be passed once."""
        self._count_down(task)
        for source in self._graph.inputs(task):
            self._count_down(source)

    def take_due(self) -> list[int]:
        """Return the tasks whose results have become needless since the last call."""
        due, self._due = self._due, []
        return due

    def _count_down(self, task: int) -> None:
        if self._open[task]:
            self._open[task] -= 1
            if not self._open[task]:
                self._due.append(task)


def with_needed(
    graph: Graph, tasks: Iterable[int], gone: Container[int], stay: Container[int] = ()
) -> set[int]:
    """Return these tasks, everything downstream, and the tasks in ``gone`` whose results they take.

    ``gone``: the tasks whose results were dropped; they are added if a task that takes the result
    is, but not for a task that only comes after them. ``stay``: tasks that are not rerun, and so
    need nothing, even if they are returned.
    """
    reached = set(tasks)
    walk = list(reached)
    for task in walk:  # grows while it is walked
        needed = () if task in stay else (up for up in graph.inputs(task) if up in gone)
        fresh = {*graph.downstream(task), *needed} - reached
        reached |= fresh
        walk += fresh
    return reached
