"""Compiled DAGs that a process keeps at hand, by their digests.

They never change, so what is kept is never stale. Those that were put there last stay; how many is
bounded by their number and by their tasks, since one of a million tasks takes some 100 MB; fixed
arguments count as tasks by their bytes. The last one stays whatever its size, and a DAG that is
still used elsewhere can be had as long as it is used. Several threads may use it: at worst a DAG is
read twice.
"""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakValueDictionary

from .compiled import CompiledDAG

MOST_DAGS = 64
MOST_TASKS = 1_000_000
TASK_BYTES = 100


class DAGCache:
    """Compiled DAGs by digest."""

    def __init__(self, *, most_dags: int = MOST_DAGS, most_tasks: int = MOST_TASKS) -> None:
        """``most_tasks``: in all DAGs together."""
        self._most_dags = most_dags
        self._most_tasks = most_tasks
        self._kept: OrderedDict[str, tuple[CompiledDAG, int]] = OrderedDict()  # and its weight
        self._used: WeakValueDictionary[str, CompiledDAG] = WeakValueDictionary()

    def get(self, digest: str) -> CompiledDAG | None:
        """Return a DAG if it is here, or was and is still used."""
        kept = self._kept.get(digest)
        return self._used.get(digest) if kept is None else kept[0]

    def put(self, digest: str, dag: CompiledDAG) -> None:
        """Keep a DAG, and let go those that were put here first if they are too many."""
        kept = self._kept
        self._used[digest] = dag
        kept[digest] = dag, _weight(dag)
        kept.move_to_end(digest)
        tasks = sum(weight for _, weight in list(kept.values()))
        while len(kept) > 1 and (len(kept) > self._most_dags or tasks > self._most_tasks):
            _, (_, oldest) = kept.popitem(last=False)
            tasks -= oldest


def _weight(dag: CompiledDAG) -> int:
    """Return how many tasks a DAG counts as."""
    return len(dag.graph) + sum(map(len, dag.kwargs.values())) // TASK_BYTES
