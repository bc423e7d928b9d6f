"""What a resumed run makes again, and what it keeps.

Kept is what succeeded or was skipped. Made again is all that did not, every task that the resume
named, and whatever needs a task that is made again, so that a run never holds results of two
makings. The run's own hooks follow its end, so they are called again with it. Worked out here,
where the graph is: a resume names a few tasks, and a million may need them.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core.compiled import CompiledDAG
from ..core.states import TASK_OVER, TaskState
from ..core.triggers import OF_THE_RUN

# What has a record that says pending was made so by an earlier scheduler, which did not get to the
# end of it: what needs it may not be pending yet.
_AGAIN = (
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
    TaskState.PENDING,
)
States = list[tuple[int, TaskState]]


def divide(dag: CompiledDAG, states: States, named: Iterable[int]) -> tuple[States, list[int]]:
    """Return (what is kept, with its states; the tasks over that are to be pending again)."""
    first = [task for task, state in states if state in _AGAIN]
    first += [task for task in named if task < len(dag.graph)]
    first += [task for task, trigger in dag.triggers().items() if trigger in OF_THE_RUN]
    again = dag.graph.with_downstream(first)
    kept = [(task, state) for task, state in states if task not in again]
    return kept, [task for task, state in states if task in again and state in TASK_OVER]
