"""What a resumed run makes again, and what it keeps.

Kept is what succeeded or was skipped. Made again is all that did not, every task that the resume
named or whose result Redis may have lost, and whatever needs a task that is made again, so that a
run never holds results of two makings. The run's own hooks follow its end, so they are called again
with it. Worked out here, where the graph is: a resume names a few tasks, and a million may need
them.

Held, whatever is made again around it, is a task that must not start twice and may have started:
only a resume that names it starts it again. What came of it stands; without a result, it has
failed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ..core.compiled import CompiledDAG
from ..core.states import TASK_OVER, TaskState
from ..core.triggers import OF_THE_RUN
from ..protocol.once import lost_once
from ..protocol.records import TaskRecord

# What has a record that says pending was made so by an earlier scheduler, which did not get to the
# end of it: what needs it may not be pending yet.
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
    """Return the tasks that must not start twice and that the resume did not name."""
    once = {number for number, policy in enumerate(dag.policies) if policy.at_most_once}
    if not once:
        return []
    tasks = enumerate(dag.policy_of)
    return [task for task, policy in tasks if policy in once and task not in named]


def held(records: Iterable[tuple[int, TaskRecord]]) -> dict[int, TaskState]:
    """Return those of these tasks that may have started, with the states that they keep."""
    return {
        task: _HELD[record.state]
        for task, record in records
        if record.state in _HELD and record.lane
    }


def divide(
    dag: CompiledDAG,
    states: States,
    named: Iterable[int],
    stay: Mapping[int, TaskState] | None = None,
) -> tuple[States, list[int]]:
    """Return (what is kept, with its states; the tasks over whose records are to be reset).

    ``stay``: the tasks that are held. A reset leaves their records alone, but for cancelled ones.
    """
    stay = stay or {}
    first = [task for task, state in states if state in _AGAIN and task not in stay]
    first += [task for task in named if task < len(dag.graph)]
    first += [task for task, trigger in dag.triggers().items() if trigger in OF_THE_RUN]
    again = dag.graph.with_downstream(first).difference(stay)
    kept = [(task, stay.get(task, state)) for task, state in states if task not in again]
    cut = {task for task, state in states if task in stay and state is TaskState.CANCELLED}
    return kept, [
        task for task, state in states if (task in again and state in TASK_OVER) or task in cut
    ]
