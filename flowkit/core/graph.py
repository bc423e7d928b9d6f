"""The shape of a DAG as arrays: which task waits for which.

Tasks are numbers 0..n-1. Each direction of the edges is one compressed row list (offsets and
targets) with 4 bytes per edge, so a million tasks take far less than 200 MB. The order in which
edges were drawn is kept: a task gets its upstream results in that order. A graph is immutable and
acyclic: ``Graph.build`` refuses a cycle and names its tasks.

An *order edge* (``load.after(setup)``) says only that one task starts after another. It is like any
other edge for the resolver, and gives no argument. In each upstream row, the order edges are last,
and ``order_counts`` says how many they are. So ``upstream`` gives all that a task waits for,
``inputs`` only the tasks whose results it gets, and a graph without order edges costs nothing more.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, chain


class CycleFound(Exception):
    """The edges form a cycle. ``path``: its tasks, with the first one repeated at the end."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" -> ".join(path))
        self.path = tuple(path)


class Graph:
    """Tasks by number, their names, and the edges in both directions."""

    __slots__ = (
        "__weakref__",
        "_down",
        "_down_at",
        "_up",
        "_up_at",
        "_used",
        "names",
        "order_counts",
    )

    def __init__(self, names: list[str], up_at: array[int], up: array[int]) -> None:
        """Use the upstream rows unchecked; ``build`` checks its input."""
        self.names = names
        self._up_at = up_at
        self._up = up
        self._down_at, self._down = _transpose(len(names), up_at, up)
        self.order_counts: array[int] | None = None  # None: there are no order edges
        self._used: bytearray | None = None

    @classmethod
    def build(
        cls,
        names: Sequence[str],
        edges: Iterable[tuple[int, int]],
        order: Collection[tuple[int, int]] = (),
    ) -> Graph:
        """Build a graph from (upstream, downstream) pairs in the order in which they were drawn.

        ``order``: the order edges. Each pair must be unique, in both together. Raises CycleFound;
        ValueError for an edge to a missing task.
        """
        count = len(names)
        sources, targets = array("i"), array("i")
        for source, target in chain(edges, order):
            if not (0 <= source < count and 0 <= target < count):
                raise ValueError(f"edge {source} -> {target}: there are {count} tasks, from 0 on")
            sources.append(source)
            targets.append(target)
        up_at, up = _rows(count, targets, sources)
        graph = cls(list(names), up_at, up)
        graph.check_acyclic()
        if not order:
            return graph
        order_counts = array("i", bytes(4 * count))
        for _, target in order:
            order_counts[target] += 1
        return graph.with_order(order_counts)

    def with_order(self, order_counts: array[int]) -> Graph:
        """Return this graph with so many order edges at the end of each row. Checks nothing."""
        graph = Graph.__new__(Graph)
        graph.names, graph._up_at, graph._up = self.names, self._up_at, self._up
        graph._down_at, graph._down = self._down_at, self._down
        graph.order_counts = order_counts
        graph._used = bytearray(map(bool, graph.consumer_counts()))
        return graph

    def __len__(self) -> int:
        return len(self.names)

    @property
    def edge_count(self) -> int:
        """The number of edges."""
        return len(self._up)

    @property
    def up_rows(self) -> tuple[array[int], array[int]]:
        """The stored form: row offsets, and upstream task numbers in drawn order."""
        return self._up_at, self._up

    def upstream(self, task: int) -> array[int]:
        """Return the tasks that ``task`` waits for: ``inputs``, then ``order_only``."""
        return self._up[self._up_at[task] : self._up_at[task + 1]]

    def inputs(self, task: int) -> array[int]:
        """Return the tasks whose results ``task`` gets, in drawn order."""
        end = self._up_at[task + 1]
        if self.order_counts is not None:
            end -= self.order_counts[task]
        return self._up[self._up_at[task] : end]

    def order_only(self, task: int) -> array[int]:
        """Return the tasks that ``task`` waits for without getting their results."""
        if self.order_counts is None:
            return array("i")
        end = self._up_at[task + 1]
        return self._up[end - self.order_counts[task] : end]

    def has_upstream(self, task: int) -> bool:
        """Return whether ``task`` waits for any task."""
        at = self._up_at
        return at[task] != at[task + 1]

    def downstream(self, task: int) -> array[int]:
        """Return the tasks that wait for ``task``."""
        return self._down[self._down_at[task] : self._down_at[task + 1]]

    def has_downstream(self, task: int) -> bool:
        """Return whether any task waits for ``task``."""
        at = self._down_at
        return at[task] != at[task + 1]

    def has_consumers(self, task: int) -> bool:
        """Return whether any task gets the result of ``task``."""
        return self.has_downstream(task) if self._used is None else bool(self._used[task])

    def consumers(self, task: int) -> list[int]:
        """Return the tasks that get the result of ``task``."""
        if self.order_counts is None:
            return list(self.downstream(task))
        return [other for other in self.downstream(task) if task in self.inputs(other)]

    def data_edges(self) -> list[tuple[int, int]]:
        """Return the edges that pass results, as (upstream, downstream) pairs."""
        return [(source, task) for task in range(len(self.names)) for source in self.inputs(task)]

    def order_edges(self) -> list[tuple[int, int]]:
        """Return the order edges, as (upstream, downstream) pairs."""
        if self.order_counts is None:
            return []
        tasks = range(len(self.names))
        return [(source, task) for task in tasks for source in self.order_only(task)]

    def input_counts(self) -> array[int]:
        """Return the number of upstream results that each task gets."""
        counts = self.in_degrees()
        for task, order in enumerate(self.order_counts or ()):
            counts[task] -= order
        return counts

    def consumer_counts(self) -> array[int]:
        """Return the number of tasks that get the result of each task."""
        at = self._down_at
        counts = array("i", [at[task + 1] - at[task] for task in range(len(self.names))])
        for source, _ in self.order_edges():
            counts[source] -= 1
        return counts

    def in_degrees(self) -> array[int]:
        """Return the number of upstream tasks of each task."""
        at = self._up_at
        return array("i", (at[task + 1] - at[task] for task in range(len(self.names))))

    def roots(self) -> list[int]:
        """Return the tasks without upstream tasks."""
        at = self._up_at
        return [task for task in range(len(self.names)) if at[task] == at[task + 1]]

    def with_downstream(self, tasks: Iterable[int]) -> set[int]:
        """Return these tasks and all tasks downstream of them."""
        reached = set(tasks)
        walk = list(reached)
        for task in walk:  # grows while it is walked
            fresh = [follower for follower in self.downstream(task) if follower not in reached]
            reached.update(fresh)
            walk += fresh
        return reached

    def order(self) -> list[int]:
        """Return the tasks in topological order (Kahn's algorithm).

        Tasks on or downstream of a cycle are left out.
        """
        waiting = self.in_degrees()
        order = self.roots()
        for task in order:  # grows while it is walked
            for follower in self.downstream(task):
                waiting[follower] -= 1
                if waiting[follower] == 0:
                    order.append(follower)
        return order

    def check_acyclic(self) -> None:
        """Raise CycleFound if there is a cycle."""
        order = self.order()
        if len(order) < len(self.names):
            raise CycleFound(self._find_cycle(set(order)))

    def _find_cycle(self, sound: set[int]) -> list[str]:
        """Walk upstream among the tasks that are not ``sound`` until one repeats: the cycle.

        Each of them has such an upstream task, so the walk always finds a cycle.
        """
        task = next(task for task in range(len(self.names)) if task not in sound)
        seen: dict[int, int] = {}
        walk: list[int] = []
        while task not in seen:
            seen[task] = len(walk)
            walk.append(task)
            task = next(up for up in self.upstream(task) if up not in sound)
        loop = walk[seen[task] :][::-1]
        start = loop.index(min(loop))
        loop = loop[start:] + loop[:start]
        return [self.names[task] for task in (*loop, loop[0])]


def _rows(count: int, keys: array[int], values: array[int]) -> tuple[array[int], array[int]]:
    """Group ``values`` by key into (offsets, values), keeping the order within a key."""
    sizes = [0] * (count + 1)
    for key in keys:
        sizes[key + 1] += 1
    offsets = array("i", accumulate(sizes))
    free = list(offsets)
    grouped = array("i", bytes(4 * len(values)))
    for key, value in zip(keys, values, strict=True):
        grouped[free[key]] = value
        free[key] += 1
    return offsets, grouped


def _transpose(count: int, up_at: array[int], up: array[int]) -> tuple[array[int], array[int]]:
    """Turn upstream rows into downstream rows."""
    owners = array("i")
    for task in range(count):
        owners.extend([task] * (up_at[task + 1] - up_at[task]))
    return _rows(count, up, owners)
