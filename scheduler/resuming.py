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

from collections.abc import Collection, Container, Iterable, Mapping

from flowkit.core.compiled import CompiledDAG
from flowkit.core.dropping import with_needed
from flowkit.core.states import TASK_OVER, TaskState
from flowkit.core.triggers import OF_THE_RUN
from flowkit.protocol.once import lost_once
from flowkit.protocol.records import TaskRecord

# A record in the state pending was reset by an earlier scheduler that did not finish: tasks
# downstream of it may not be pending yet.
_AGAIN = (
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


def may_be_held(dag: CompiledDAG, named: Container[int]) -> list[int]:
    """Return the at-most-once tasks that the resume did not name."""
    once = {number for number, policy in enumerate(dag.policies) if policy.at_most_once}
    if not once:
        return []
    tasks = enumerate(dag.policy_of)
    return [task for task, policy in tasks if policy in once and task not in named]


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
    first = [task for task, state in states if state in _AGAIN and task not in called]
    below = {follower for task in called for follower in dag.graph.downstream(task)}
    rerun = dag.graph.with_downstream([*first, *named, *below])
    return [task for task in called if task not in rerun]


def divide(
    dag: CompiledDAG,
    states: States,
    named: Iterable[int],
    stay: Mapping[int, TaskState] | None = None,
) -> tuple[States, list[int]]:
    """Return (the kept tasks with their states, the finished tasks whose records are to be reset).

    ``stay``: the tasks that are held. A reset changes their records only if they were cancelled.
    """
    stay = stay or {}
    first = [task for task, state in states if state in _AGAIN and task not in stay]
    first += [task for task in named if task < len(dag.graph)]
    first += [task for task, trigger in dag.triggers().items() if trigger in OF_THE_RUN]
    gone = dropped(dag, states)
    again = with_needed(dag.graph, first, gone, stay) if gone else dag.graph.with_downstream(first)
    again.difference_update(stay)
    kept = [(task, stay.get(task, state)) for task, state in states if task not in again]
    cut = {task for task, state in states if task in stay and state is TaskState.CANCELLED}
    return kept, [
        task for task, state in states if (task in again and state in TASK_OVER) or task in cut
    ]


def dropped(dag: CompiledDAG, states: States) -> set[int]:
    """Return the tasks that succeeded and whose results were dropped before the run ended."""
    not_kept = set(dag.not_kept())
    return {task for task, state in states if state is TaskState.SUCCEEDED and task in not_kept}
