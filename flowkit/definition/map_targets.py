"""Which tasks of a DAG are mapped, over which upstream tasks, as numbers (``core/map_spec.py``).

A hook of a mapped task is called for each of its items, so it is mapped too, over that task. What
is refused here: a mapped task without an upstream task to map over, one whose ``over`` is not
upstream of it, ``flatten`` over a task that is not mapped, and a task with the name of an item.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..core.graph import Graph
from ..core.map_spec import FUNCTION, MapSpec
from ..core.numbering import split_name
from ..exceptions import DAGError, DuplicateTaskError
from .map_options import MapOptions
from .task_like import TaskLike


def specs_of(
    dag_name: str, tasks: Sequence[TaskLike], graph: Graph, own: int
) -> Mapping[int, MapSpec]:
    """Return how the mapped tasks are mapped, by number. Raises DAGError.

    ``own``: how many of the tasks are not hooks.
    """
    mapped = {at: task.map_options for at, task in enumerate(tasks) if task.map_options is not None}
    if not mapped:
        return {}
    _check_names(dag_name, tasks, {tasks[number].name for number in mapped})
    number_of = {task: number for number, task in enumerate(tasks[:own])}
    specs: dict[int, MapSpec] = {}
    for number, options in mapped.items():
        task = tasks[number]
        upstream = [tasks[source] for source in graph.inputs(number)]
        over = _over(dag_name, task, options, upstream)
        if options.flatten and over[0].map_options is None:
            raise DAGError(
                f"Task {task.name!r} of DAG {dag_name!r} has flatten=True, which takes the lists "
                f"that the items of a mapped task returned, but {over[0].name!r} is not mapped. "
                f"Write {over[0].name}.map(), or leave flatten out."
            )
        specs[number] = _spec(options, tuple(number_of[source] for source in over))
    for hook in range(own, len(tasks)):
        about = graph.upstream(hook)
        if about and about[0] in specs:
            specs[hook] = MapSpec(over=(about[0],), collect=True)
    return dict(sorted(specs.items()))


def _spec(options: MapOptions, over: tuple[int, ...]) -> MapSpec:
    label = options.label if isinstance(options.label, str) else ""
    if options.label_ref:
        label = FUNCTION + options.label_ref
    return MapSpec(
        over=over,
        flatten=options.flatten,
        collect=options.collect,
        max_active=options.max_active,
        label=label,
    )


def _over(
    dag_name: str, task: TaskLike, options: MapOptions, upstream: Sequence[TaskLike]
) -> Sequence[TaskLike]:
    """Return the tasks that a mapped task is mapped over. Raises DAGError."""
    what = f"Task {task.name!r} of DAG {dag_name!r} is mapped"
    if not upstream:
        raise DAGError(
            f"{what}, but no upstream task passes a result to it. Draw an edge from the task that "
            f"returns the list: files >> {task.base.name}.map()."
        )
    wanted = options.over or (upstream[0],)
    missing = [source for source in wanted if source not in upstream]
    if missing:
        names = ", ".join(source.name for source in upstream)
        raise DAGError(
            f"{what} over {missing[0].name!r}, whose result it does not get: its upstream tasks "
            f"are ({names}). Draw {missing[0].name} >> {task.name}, or give over= one of these."
        )
    return wanted


def _check_names(dag_name: str, tasks: Sequence[TaskLike], mapped: Collection[str]) -> None:
    for task in tasks:
        parts = split_name(task.name)
        if parts is not None and parts[0] in mapped:
            raise DuplicateTaskError(
                f"DAG {dag_name!r} has a task named {task.name!r}, which is also the name of an "
                f"item of its mapped task {parts[0]!r}. Give one of them another name.",
                task.name,
            )
