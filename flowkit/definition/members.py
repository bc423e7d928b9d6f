"""The members of a DAG: its tasks and edges.

A DAG is explicit if it had a block, even an empty one, or got tasks by ``add``, by ``tasks=`` or by
an edge. Then it consists of exactly these tasks. Otherwise it covers all registered tasks that
belong to no other DAG, looked up each time, and the tasks that their edges mention. This module
refuses only edges to what is no task: a DAG that cannot run is refused when it is indexed
(indexing.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..events.programs import DAGCoversModules
from ..exceptions import DAGError
from .binding import claim
from .dag_warning import warn_of_dag
from .indexing import Edge
from .task import Task

_MODULES_SHOWN = 10


class Members:
    """The tasks and edges of one DAG, in order of appearance."""

    def __init__(self) -> None:
        self.is_explicit = False
        self.has_block = False
        self._tasks: dict[Task, None] = {}
        self._edges: dict[Edge, None] = {}
        self._order: dict[Edge, None] = {}
        self._bound_names: dict[Task, set[str]] = {}
        self._warned_of: frozenset[str] = frozenset()

    def open_block(self) -> None:
        """Note that the DAG has a block, so that only edges drawn in it belong to the DAG."""
        self.is_explicit = self.has_block = True

    def add(self, task: Task, *, claims: bool = True) -> None:
        """Add a task. ``claims``: other DAGs no longer cover it as a registered task."""
        self.is_explicit = True
        if task in self._tasks:
            return
        self._tasks[task] = None
        if claims:
            claim(task, self.bound_names(task.base))

    def draw(self, upstream: Task, downstream: Task) -> None:
        """Add an edge and its tasks."""
        self.add(upstream)
        self.add(downstream)
        self._edges[upstream, downstream] = None

    def draw_order(self, upstream: Task, downstream: Task) -> None:
        """Add an order edge and its tasks."""
        self.add(upstream)
        self.add(downstream)
        self._order[upstream, downstream] = None

    def bound_names(self, base: Task) -> set[str]:
        """Return the names of its tasks that were bound from ``base``. Callers add new names."""
        names = self._bound_names.get(base)
        if names is None:
            names = self._bound_names[base] = set()
        return names

    @property
    def tasks(self) -> list[Task]:
        """The tasks, in order of appearance."""
        if self.is_explicit:
            return list(self._tasks)
        return covered(task for task in Task._all_tasks if not task._in_dag)

    def edges_among(self, tasks: list[Task]) -> list[Edge]:
        """Return the edges of the DAG, or otherwise those stored on ``tasks`` themselves.

        Order edges are not among them.
        """
        return list(self._edges) if self._has_edges else edges_on(tasks)

    def order_among(self, tasks: list[Task], edges: Sequence[Edge]) -> list[Edge]:
        """Return the order edges likewise, without those that are also ``edges``."""
        order = self._order if self._has_edges else order_on(tasks)
        if not order:
            return []
        passing = set(edges)
        return [edge for edge in order if edge not in passing]

    @property
    def _has_edges(self) -> bool:
        return self.has_block or bool(self._edges or self._order)

    def warn_of_modules(self, dag_name: str, tasks: list[Task]) -> None:
        """Log a warning if the DAG covers registered tasks of several modules, once for each set.

        A program that imports the module of another pipeline rarely intends to run that too.
        """
        if self.is_explicit:
            return
        modules = frozenset(task.ref.partition(":")[0] for task in tasks)
        if len(modules) < 2 or modules == self._warned_of:
            return
        self._warned_of = modules
        shown = sorted(modules)[:_MODULES_SHOWN]
        more = f" and {len(modules) - len(shown)} more" if len(modules) > len(shown) else ""
        names = f"{len(modules)} modules: {', '.join(shown)}{more}"
        warn_of_dag(DAGCoversModules(dag_name=dag_name, total_tasks=len(tasks), modules=names))


def covered(candidates: Iterable[Task]) -> list[Task]:
    """Return these tasks and all tasks that their edges mention, in order of appearance.

    A task that was only used to bind others, and is in no edge, is left out.
    """
    tasks = dict.fromkeys(candidates)
    queue, mentioned = list(tasks), set()
    for task in queue:  # grows during the iteration
        for other in (*task.upstream, *task.downstream, *_ordered(task)):
            _must_be_task(task, other)
            mentioned.add(other)
            if other not in tasks:
                tasks[other] = None
                queue.append(other)
    return [
        task
        for task in tasks
        if not task.has_bound_tasks
        or task.upstream
        or task.downstream
        or _ordered(task)
        or task._is_mentioned
        or task in mentioned
    ]


def edges_on(tasks: Iterable[Task]) -> list[Edge]:
    """Return the edges stored on these tasks whose ends are both among them.

    An edge counts if either of its tasks has it, since users may append to only one of the lists.
    """
    inside = dict.fromkeys(tasks)
    edges: dict[Edge, None] = {}
    for task in inside:
        for upstream in task.upstream:
            _must_be_task(task, upstream)
            if upstream in inside:
                edges[upstream, task] = None
    for task in inside:
        for downstream in task.downstream:
            _must_be_task(task, downstream)
            if downstream in inside:
                edges.setdefault((task, downstream))
    return list(edges)


def order_on(tasks: Iterable[Task]) -> list[Edge]:
    """Return the order edges stored on these tasks whose ends are both among them."""
    inside = dict.fromkeys(tasks)
    return [
        (earlier, task) for task in inside for earlier in task._after or () if earlier in inside
    ]


def _ordered(task: Task) -> list[Task]:
    return [*(task._after or ()), *(task._before or ())]


def _must_be_task(owner: Task, other: object) -> None:
    if not isinstance(other, Task):
        raise DAGError(
            f"Task {owner.name!r} has {other!r} among its edges, which is not a task. "
            "Is the function decorated with @task?"
        )
