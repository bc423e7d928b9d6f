"""Indexing a drawn DAG: its tasks by number and its graph, for running it in this process.

This module refuses a DAG that cannot run: one with a cycle, with two tasks of one name, or with
more upstream results than a function has parameters. argument_names.py and result_types.py check
which result goes to which parameter. The form that is stored is in compiling.py.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..core.graph import CycleFound, Graph
from ..core.map_spec import MapSpec, counted_tasks
from ..core.numbering import Numbering
from ..core.triggers import Trigger, special
from ..exceptions import DAGCycleError, DAGError, DuplicateTaskError
from .call_plan import plan_for
from .map_targets import specs_of
from .task import Task

Edge = tuple[Task, Task]


@dataclass(frozen=True, slots=True)
class IndexedDAG:
    """The tasks of a DAG by number, hooks last, and the graph of those numbers.

    ``own``: how many of them are not hooks. ``argument_counts``: the number of positional values of
    each task: results, or the event of a hook. ``on_retry``: the reference of that hook, "" if
    there is none. ``maps``: how mapped tasks are mapped, by number.
    ``numbering``: the numbers of their items. ``counted``: the tasks whose results are lists that
    are mapped.
    """

    tasks: Sequence[Task]
    graph: Graph
    own: int
    argument_counts: array[int]
    on_retry: str = ""
    maps: Mapping[int, MapSpec] = field(default_factory=dict)
    numbering: Numbering = field(init=False, repr=False, compare=False)
    counted: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbering", Numbering(len(self.tasks), self.maps))
        object.__setattr__(self, "counted", counted_tasks(self.maps))

    def is_counted(self, number: int) -> bool:
        """Return whether the result of a task or an item is a list that is mapped."""
        return bool(self.maps) and self.numbering.is_result_of(number, self.counted)

    def triggers(self) -> dict[int, Trigger]:
        """Return the triggers other than the default, by task number."""
        return special(self.graph, (task.policy.trigger for task in self.tasks))

    def not_kept(self) -> list[int]:
        """Return the tasks whose results are dropped when no consumer needs them."""
        return [index for index, task in enumerate(self.tasks) if not task.policy.keep_result]


def index_dag(
    dag_name: str,
    tasks: Sequence[Task],
    edges: Iterable[Edge],
    order: Iterable[Edge] = (),
    *,
    own: int | None = None,
    on_retry: str = "",
) -> IndexedDAG:
    """Number the tasks and build the graph.

    ``order``: the edges without data, none of which is in ``edges``. ``own``: how many tasks are
    not hooks, None for all. Raises DuplicateTaskError, DAGCycleError, and DAGError for a function
    that cannot take the results of its upstream tasks.
    """
    _check_names(dag_name, tasks)
    number = {task: index for index, task in enumerate(tasks)}
    pairs = [(number[upstream], number[downstream]) for upstream, downstream in edges]
    ordered = [(number[upstream], number[downstream]) for upstream, downstream in order]
    try:
        graph = Graph.build([task.name for task in tasks], pairs, ordered)
    except CycleFound as cycle:
        raise DAGCycleError(cycle.path, dag_name) from None
    own = len(tasks) if own is None else own
    counts = graph.input_counts()
    for hook in range(own, len(counts)):
        counts[hook] = 1
    for index, (task, count) in enumerate(zip(tasks, counts, strict=True)):
        if count or (graph.has_upstream(index) and task.when is not None):
            _check_room(dag_name, task, count)
    maps = specs_of(dag_name, tasks, graph, own)
    return IndexedDAG(tasks, graph, own, counts, on_retry, maps)


def _check_names(dag_name: str, tasks: Sequence[Task]) -> None:
    if len({task.name for task in tasks}) == len(tasks):
        return
    first: dict[str, Task] = {}
    for task in tasks:
        other = first.setdefault(task.name, task)
        if other is not task:
            is_mapped = task.map_options is not None or other.map_options is not None
            way = ".map(name='…')" if is_mapped else "@task(name=…) or .bind('…')"
            raise DuplicateTaskError(
                f"DAG {dag_name!r} has two tasks named {task.name!r}: {other.ref} and {task.ref}. "
                f"Give one of them another name with {way}. If one is left over "
                "from an earlier definition, draw the DAG in a `with DAG(…):` block.",
                task.name,
            )


def _check_room(dag_name: str, task: Task, count: int) -> None:
    """Refuse upstream results for which the function or its predicate has no parameter."""
    plan = plan_for(task)
    room = len(plan.positional)
    who = f"Task {task.name!r} of DAG {dag_name!r}"
    if count > room and not plan.takes_any_positional:
        raise DAGError(
            f"{who} has {count} upstream task{'' if count == 1 else 's'}, but its function takes "
            f"{room} positional argument{'' if room == 1 else 's'}. Add parameters (or *args) for "
            f"their results. To order tasks without passing results, write {task.name}.after(…) "
            "instead of >>."
        )
    twice = [name for name in plan.positional[:count] if name in task.kwargs]
    if twice:
        raise DAGError(
            f"{who} would get {twice[0]!r} twice: as a fixed argument and as the result of an "
            "upstream task. Put the parameters for upstream results first."
        )
    if plan.when_takes is not None and plan.when_takes > count:
        results = f"{plan.when_takes} result{'' if plan.when_takes == 1 else 's'}"
        if count:
            raise DAGError(
                f"{who} has {count} upstream task{'' if count == 1 else 's'}, but its `when` needs "
                f"{results}."
            )
        raise DAGError(
            f"{who} only comes after its upstream tasks and gets no result of them, but its `when` "
            f"needs {results}. Pass a result with `>>`, or let `when` take no parameter."
        )
