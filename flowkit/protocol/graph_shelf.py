"""Graphs at hand: those that were read last, as many as fit.

A graph of a million tasks takes about 100 MB, so their number alone bounds nothing. What goes is
read anew when it is asked for again; a run that goes on holds its own in any case.
"""

from __future__ import annotations

from collections import OrderedDict

from ..core.compiled import CompiledDAG

MOST_GRAPHS = 64


class GraphShelf:
    """Compiled DAGs by digest. Not thread-safe."""

    def __init__(self, most_tasks: int, most_graphs: int = MOST_GRAPHS) -> None:
        """The one that was used last stays, however large it is."""
        self._most_tasks = most_tasks
        self._most_graphs = most_graphs
        self._graphs: OrderedDict[str, CompiledDAG] = OrderedDict()
        self._tasks = 0

    def __len__(self) -> int:
        return len(self._graphs)

    def get(self, digest: str) -> CompiledDAG | None:
        """Return a graph that is at hand, else None."""
        dag = self._graphs.get(digest)
        if dag is not None:
            self._graphs.move_to_end(digest)
        return dag

    def keep(self, digest: str, dag: CompiledDAG) -> None:
        """Put a graph there in place of those that nobody has asked for the longest."""
        if self.get(digest) is None:
            self._graphs[digest] = dag
            self._tasks += len(dag.graph)
        while len(self._graphs) > 1 and (
            len(self._graphs) > self._most_graphs or self._tasks > self._most_tasks
        ):
            _, gone = self._graphs.popitem(last=False)
            self._tasks -= len(gone.graph)
