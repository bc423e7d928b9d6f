"""A cache of compiled DAGs by digest.

DAGs never change, so cached DAGs are never stale. The cache keeps the latest DAGs, bounded by their
number and by their total number of tasks: a DAG of a million tasks takes about 100 MB. The bytes of
fixed arguments count as tasks. The latest DAG is kept whatever its size, and a DAG that is in use
elsewhere stays available. Several threads may use the cache: at worst, a DAG is read twice.
"""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakValueDictionary

from .compiled import CompiledDAG

MOST_DAGS = 64
MOST_TASKS = 1_000_000
TASK_BYTES = 100


class DAGCache:
    """A cache of compiled DAGs by digest."""

    def __init__(self, *, most_dags: int = MOST_DAGS, most_tasks: int = MOST_TASKS) -> None:
        """``most_tasks``: the total number of tasks of all DAGs."""
        self._most_dags = most_dags
        self._most_tasks = most_tasks
        self._kept: OrderedDict[str, tuple[CompiledDAG, int]] = OrderedDict()  # with their weights
        self._used: WeakValueDictionary[str, CompiledDAG] = WeakValueDictionary()

    def get(self, digest: str) -> CompiledDAG | None:
        """Return a DAG that is cached, or was and is still in use; else None."""
        kept = self._kept.get(digest)
        return self._used.get(digest) if kept is None else kept[0]

    def put(self, digest: str, dag: CompiledDAG) -> None:
        """Add a DAG, and drop the oldest ones if there are too many."""
        kept = self._kept
        self._used[digest] = dag
        kept[digest] = dag, _weight(dag)
        kept.move_to_end(digest)
        tasks = sum(weight for _, weight in list(kept.values()))
        while len(kept) > 1 and (len(kept) > self._most_dags or tasks > self._most_tasks):
            _, (_, oldest) = kept.popitem(last=False)
            tasks -= oldest


def _weight(dag: CompiledDAG) -> int:
    """Return the number of tasks that a DAG counts as."""
    return len(dag.graph) + sum(map(len, dag.kwargs.values())) // TASK_BYTES
