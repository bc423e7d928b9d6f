"""Indexing a drawn DAG: its tasks by number and its graph. Compiling it: the form that is stored.

This module refuses a DAG that cannot run: one with a cycle, with two tasks of one name, or with
more upstream results than a function has parameters. An ``IndexedDAG`` holds the Task objects, for
running in this process. ``compile_indexed`` replaces them by references, policies and packed
arguments; only these are sent to Redis.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..core.compiled import CompiledDAG, OnFailure
from ..core.graph import CycleFound, Graph
from ..core.retry import Policy
from ..core.triggers import Trigger, special
from ..exceptions import DAGCycleError, DAGError, DuplicateTaskError
from .call_plan import plan_for
from .task import Task

Edge = tuple[Task, Task]


@dataclass(frozen=True, slots=True)
class IndexedDAG:
    """The tasks of a DAG by number, hooks last, and the graph of those numbers.

    ``own``: how many of them are not hooks.
    """

    tasks: Sequence[Task]
    graph: Graph
    own: int

    def triggers(self) -> dict[int, Trigger]:
        """Return the triggers other than the default, by task number."""
        return special(self.graph, (task.policy.trigger for task in self.tasks))

    def argument_counts(self) -> array[int]:
        """Return the number of positional values of each task: results, or the event of a hook."""
        counts = self.graph.in_degrees()
        for hook in range(self.own, len(counts)):
            counts[hook] = 1
        return counts


def covered(candidates: Iterable[Task]) -> list[Task]:
    """Return these tasks and all tasks that their edges mention, in order of appearance.

    A task that was only used to bind others, and is in no edge, is left out.
    """
    tasks = dict.fromkeys(candidates)
    queue, mentioned = list(tasks), set()
    for task in queue:  # grows during the iteration
        for other in (*task.upstream, *task.downstream):
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


def index_dag(
    dag_name: str, tasks: Sequence[Task], edges: Iterable[Edge], *, own: int | None = None
) -> IndexedDAG:
    """Number the tasks and build the graph. ``own``: how many are not hooks, None for all.

    Raises DuplicateTaskError, DAGCycleError, and DAGError for a function that cannot take the
    results of its upstream tasks.
    """
    _check_names(dag_name, tasks)
    number = {task: index for index, task in enumerate(tasks)}
    pairs = [(number[upstream], number[downstream]) for upstream, downstream in edges]
    try:
        graph = Graph.build([task.name for task in tasks], pairs)
    except CycleFound as cycle:
        raise DAGCycleError(cycle.path, dag_name) from None
    indexed = IndexedDAG(tasks, graph, len(tasks) if own is None else own)
    for task, count in zip(tasks, indexed.argument_counts(), strict=True):
        if count:
            _check_room(dag_name, task, count)
    return indexed


def compile_indexed(
    dag_name: str, indexed: IndexedDAG, on_failure: OnFailure, *, on_retry: str = ""
) -> CompiledDAG:
    """Replace tasks by data. Raises DAGError for a fixed argument that cannot be stored.

    ``on_retry``: the reference of that hook, "" if there is none.
    """
    policies: dict[Policy, int] = {}
    refs: dict[str, int] = {}
    seen: dict[tuple[Task, Trigger, bool], tuple[int, int]] = {}
    policy_of, ref_of = array("i"), array("i")
    for task, count in zip(indexed.tasks, indexed.argument_counts(), strict=True):
        kind = task.base, task.policy.trigger, count > 0
        if kind not in seen:
            policy = policies.setdefault(_policy(task, count > 0), len(policies))
            seen[kind] = policy, refs.setdefault(task.base.ref, len(refs))
        policy, ref = seen[kind]
        policy_of.append(policy)
        ref_of.append(ref)
    return CompiledDAG(
        name=dag_name,
        graph=indexed.graph,
        policies=tuple(policies),
        policy_of=policy_of,
        refs=tuple(refs),
        ref_of=ref_of,
        kwargs=_pack_kwargs(dag_name, indexed.tasks),
        on_failure=on_failure,
        on_retry=on_retry,
    )


def _policy(task: Task, has_upstream: bool) -> Policy:
    """Return the task's policy. Without upstream tasks a trigger has no effect."""
    policy = task.policy
    if has_upstream or policy.trigger is Trigger.NONE_FAILED:
        return policy
    return replace(policy, trigger=Trigger.NONE_FAILED)


def _pack_kwargs(dag_name: str, tasks: Sequence[Task]) -> dict[int, bytes]:
    bound = [(index, task) for index, task in enumerate(tasks) if task.kwargs]
    if not bound:
        return {}
    from ..codec.packing import CodecError, pack

    packed = {}
    for index, task in bound:
        try:
            packed[index] = pack(dict(task.kwargs), root="kwargs")
        except CodecError as error:
            raise DAGError(
                f"Task {task.name!r} of DAG {dag_name!r} has a fixed argument that cannot be sent "
                f"to workers: {error}"
            ) from error
    return packed


def _check_names(dag_name: str, tasks: Sequence[Task]) -> None:
    if len({task.name for task in tasks}) == len(tasks):
        return
    first: dict[str, Task] = {}
    for task in tasks:
        other = first.setdefault(task.name, task)
        if other is not task:
            raise DuplicateTaskError(
                f"DAG {dag_name!r} has two tasks named {task.name!r}: {other.ref} and {task.ref}. "
                "Give one of them another name with @task(name=…) or .bind('…'). If one is left "
                "over from an earlier definition, draw the DAG in a `with DAG(…):` block.",
                task.name,
            )


def _check_room(dag_name: str, task: Task, count: int) -> None:
    """Refuse upstream results for which the function or its predicate has no parameter."""
    plan = plan_for(task)
    room = len(plan.positional)
    who = f"Task {task.name!r} of DAG {dag_name!r}"
    if count > room and not plan.takes_any_positional:
        raise DAGError(
            f"{who} has {count} upstream tasks, but its function takes {room} positional "
            f"argument{'' if room == 1 else 's'}. Add parameters (or *args) for their results, "
            "or remove edges."
        )
    twice = [name for name in plan.positional[:count] if name in task.kwargs]
    if twice:
        raise DAGError(
            f"{who} would get {twice[0]!r} twice: as a fixed argument and as the result of an "
            "upstream task. Put the parameters for upstream results first."
        )
    if plan.when_takes is not None and plan.when_takes > count:
        raise DAGError(
            f"{who} has {count} upstream task{'' if count == 1 else 's'}, but its `when` needs "
            f"{plan.when_takes} results."
        )


def _must_be_task(owner: Task, other: object) -> None:
    if not isinstance(other, Task):
        raise DAGError(
            f"Task {owner.name!r} has {other!r} among its edges, which is not a task. "
            "Is the function decorated with @task?"
        )
