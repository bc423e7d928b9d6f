"""What ``handle.explain()`` returns: why a run or a task is not over, or how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from .endings import Failure, failure_of, run_ending, task_ending
from .explain import CauseGroup, causes_of, explain_run, explain_task, leading_sentence
from .snapshot import Snapshot
from .states import RUN_OVER, TASK_OVER


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a run or a task is not over, or how it ended.

    ``task``: its name, "" for the run. ``state``: of the run or the task. ``sentence``: the leading
    cause, or the end. ``command``: what helps, "" if nothing does. ``causes``: for a task that is
    not over exactly one; for a run, its tasks by root cause, the leading one first; empty if it is
    over. ``failure``: of the run, None if no task has failed.
    """

    run_id: str
    dag_name: str
    task: str
    state: str
    over: bool
    sentence: str
    command: str = ""
    causes: list[CauseGroup] = field(default_factory=list)
    failure: Failure | None = None

    def __str__(self) -> str:
        return self.sentence

    def as_dict(self) -> dict[str, object]:
        """Return plain data, for JSON."""
        return asdict(self)


def explanation_of_run(snapshot: Snapshot) -> Explanation:
    """Return the explanation of a run."""
    failure, causes = failure_of(snapshot), list[CauseGroup]()
    run, over = snapshot.run, snapshot.run.state in RUN_OVER
    if over:
        text, command = run_ending(snapshot, failure)
    else:
        view = causes_of(snapshot)
        causes = explain_run(view)
        text, _ = leading_sentence(view)
        command = causes[0].command if causes else ""
    state = "stopping" if run.stop is not None and not over else run.state.value
    return Explanation(run.run, run.dag_name, "", state, over, text, command, causes, failure)


def explanation_of_task(snapshot: Snapshot, task: int) -> Explanation:
    """Return the explanation of one task."""
    view, state = causes_of(snapshot), snapshot.states[task]
    run, name = snapshot.run, snapshot.dag.graph.names[task]
    over, causes = state in TASK_OVER, list[CauseGroup]()
    if over:
        text, command = task_ending(view, task)
    elif run.state in RUN_OVER:
        text, command = f"Task {name!r} never ran: its run is over ({run.state.value}).", ""
    else:
        causes = [explain_task(view, task)]
        text, command = causes[0].sentence, causes[0].command
    return Explanation(run.run, run.dag_name, name, state.value, over, text, command, causes)
