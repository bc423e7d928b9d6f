"""Which tasks a resumed run reruns, and which it keeps.

It keeps tasks that succeeded or were skipped. It reruns all others, every task that the resume
named or whose result Redis may have lost, and everything downstream of a rerun task, so that a run
never mixes results of two executions. The hooks of the run follow its end, so they run again too.
A task whose result was dropped is rerun too if a rerun task takes it. This is worked out here,
where the graph is: a resume names a few tasks, and a million may depend on them.

A task that has failed because of runs which it had called is not rerun either: those of them that
did not succeed are resumed, and the task waits for them again.

An at-most-once task that may have started is held, whatever is rerun around it: only a resume that
names it restarts it. Its outcome stays; without a result, it has failed.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence

from flowkit.core.compiled import CompiledDAG
from flowkit.core.dropping import with_needed
from flowkit.core.lineage import Lineage
from flowkit.core.states import TASK_OVER, TaskState
from flowkit.core.triggers import OF_THE_RUN
from flowkit.protocol.once import lost_once
from flowkit.protocol.records import TaskRecord

# A record in the state pending was reset by an earlier scheduler that did not finish: tasks
# downstream of it may not be pending yet.
_TO_RERUN = (
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
    TaskState.PENDING,
)
_HELD = {
    TaskState.SUCCEEDED: TaskState.SUCCEEDED,
    TaskState.FAILED: TaskState.FAILED,
    TaskState.CANCELLED: TaskState.FAILED,
}
CUT_SHORT = lost_once("it was cut short when its run was cancelled")
States = list[tuple[int, TaskState]]


def may_be_held(
    dag: CompiledDAG, states: Sequence[tuple[int, TaskState]], named: Container[int]
) -> list[int]:
    """Return the at-most-once tasks that the resume did not name, and such items with a record."""
    once = {number for number, policy in enumerate(dag.policies) if policy.at_most_once}
    if not once:
        return []
    tasks = enumerate(dag.policy_of)
    found = [task for task, policy in tasks if policy in once and task not in named]
    count, node = len(dag.graph), dag.numbering.node
    for number, _ in states if dag.maps else ():
        if number >= count and dag.policy_of[node(number)] in once and number not in named:
            found += [number] if node(number) not in named else []
    return found


def named_by_task(dag: CompiledDAG, rerun: Iterable[int], named: Container[int]) -> list[int]:
    """Return the at-most-once items of mapped tasks that the resume named."""
    if not dag.maps or not any(policy.at_most_once for policy in dag.policies):
        return []
    count, node = len(dag.graph), dag.numbering.node
    return [number for number in rerun if number >= count and node(number) in named]


def held(records: Iterable[tuple[int, TaskRecord]]) -> dict[int, TaskState]:
    """Return the tasks that may have started, with the states that they keep."""
    return {
        task: _HELD[record.state]
        for task, record in records
        if record.state in _HELD and record.lane
    }


def may_continue(
    dag: CompiledDAG, states: States, named: Iterable[int], called: Collection[int]
) -> list[int]:
    """Return the tasks that wait again for the runs which they have called, instead of a rerun.

    ``called``: those that have failed or were cut short because of such runs. A resume that names
    them reruns them, and so does one that reruns what is upstream of them.
    """
    if not called:
        return []
    node = dag.numbering.node
    nodes = {node(task) for task in called}
    first = [
        task
        for task, state in states
        if state in _TO_RERUN and task not in called and task not in nodes
    ]
    rerun = _rerun(dag, states, first, named, {})
    below = {follower for task in nodes for follower in dag.graph.downstream(task)}
    later = dag.graph.with_downstream(below)
    return [task for task in called if task not in rerun and node(task) not in later]


def divide(
    dag: CompiledDAG,
    states: States,
    named: Iterable[int],
    stay: Mapping[int, TaskState] | None = None,
    lost: Iterable[int] = (),
) -> tuple[States, list[int]]:
    """Return (the kept tasks with their states, the finished tasks whose records are to be reset).

    ``stay``: the tasks that are held. A reset changes their records only if they were cancelled.
    ``lost``: tasks and items without their results, which are rerun too.
    """
    stay = stay or {}
    first = [task for task, state in states if state in _TO_RERUN and task not in stay]
    first += [task for task, trigger in dag.triggers().items() if trigger in OF_THE_RUN]
    rerun = _rerun(dag, states, first, [*named, *lost], stay)
    rerun.difference_update(stay)
    kept = [(task, stay.get(task, state)) for task, state in states if task not in rerun]
    cut = {task for task, state in states if task in stay and state is TaskState.CANCELLED}
    return kept, [
        task for task, state in states if (task in rerun and state in TASK_OVER) or task in cut
    ]


def _rerun(
    dag: CompiledDAG,
    states: States,
    first: list[int],
    named: Iterable[int],
    stay: Mapping[int, TaskState],
) -> set[int]:
    """Return the tasks in ``first`` and ``named``, and all that needs them or that they need."""
    named = [task for task in named if dag.is_valid(task)]
    gone = dropped(dag, states)
    if dag.maps:
        lineage = Lineage(dag, (task for task, _ in states))
        return lineage.rerun(first, named, gone=gone, stay=stay)
    if gone:
        return with_needed(dag.graph, first + named, gone, stay)
    return dag.graph.with_downstream(first + named)


def dropped(dag: CompiledDAG, states: States) -> set[int]:
    """Return the tasks that succeeded and whose results were dropped before the run ended."""
    not_kept = set(dag.not_kept())
    if not not_kept:
        return set()
    succeeded = {task for task, state in states if state is TaskState.SUCCEEDED}
    if not dag.maps:
        return succeeded & not_kept
    node = dag.numbering.node
    return {task for task in succeeded if task not in dag.maps and node(task) in not_kept}
