"""Compiling an indexed DAG: the form that is stored.

An ``IndexedDAG`` holds the Task objects. ``compile_indexed`` replaces them by references, policies
and packed arguments; only these are sent to Redis.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

from ..core.compiled import CompiledDAG, OnFailure
from ..core.retry import Policy
from ..core.taken_parameter import TakenParameter
from ..core.triggers import Trigger
from ..exceptions import DAGError
from .indexing import IndexedDAG
from .task import Task


def compile_indexed(
    dag_name: str,
    indexed: IndexedDAG,
    on_failure: OnFailure,
    takes: tuple[TakenParameter, ...] = (),
) -> CompiledDAG:
    """Replace tasks by data. Raises DAGError for what cannot be stored: a fixed argument.

    ``takes``: the run parameters of the DAG, if they are to be stored.
    """
    policies: dict[Policy, int] = {}
    refs: dict[str, int] = {}
    seen: dict[tuple[Task, Trigger, bool], tuple[int, int]] = {}
    policy_of, ref_of = array("i"), array("i")
    has_upstream = indexed.graph.has_upstream
    for at, (task, count) in enumerate(zip(indexed.tasks, indexed.argument_counts, strict=True)):
        waits = count > 0 or has_upstream(at)  # a hook of the run has an argument and no edge
        kind = task.base, task.policy.trigger, waits
        if kind not in seen:
            policy = policies.setdefault(_policy(task, waits), len(policies))
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
        on_retry=indexed.on_retry,
        maps=indexed.maps,
        takes=takes,
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
