"""Explanations of runs: reads a snapshot, and lets ``core/explain.py`` say what it means.

Beside the run's record and graph, it takes one round trip per thousand tasks for the records, and
at most 25 more, whatever the size of the run: 3 for the scheduler (lease, clock, lag), 4 for the
live workers, 1 for expired leases, 4 for their lanes, 2 for the name of a task in one of them, 3
for the queues, 1 for the functions of their apps, 2 for errors, 1 for labels, 2 for the progress of
running tasks, 1 for who cancelled the run, and 1 to try a write that changes nothing, if the caller
asks for it. A failure in child runs takes two more for each level. What nothing depends on is not
read: queues and lanes only if tasks are queued.

A user without the right to read something, or damaged data, makes a fact unknown, not the
explanation impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core.blocking import failed_above
from ..core.compiled import CompiledDAG
from ..core.explain import (
    Explanation,
    causes_of,
    explanation_of_run,
    explanation_of_task,
    leading_sentence,
)
from ..core.run_record import RunRecord
from ..core.snapshot import Snapshot
from ..core.states import RUN_OVER, TaskState
from ..protocol.client_store import ClientStore
from .failed_child import failed_child
from .run_snapshot import read_snapshot
from .run_tasks import RunTasks, read_tasks

# The states of tasks that a recording explains, the most telling first.
_TELLING: Sequence[TaskState | None] = (
    TaskState.FAILED,
    TaskState.RUNNING,
    TaskState.WAITING,
    TaskState.QUEUED,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
    TaskState.PENDING,
)


def read_explanation(
    store: ClientStore, run: RunRecord, dag: CompiledDAG, task: int | None
) -> Explanation:
    """Return why a run, or one of its tasks, is not over, or how it ended.

    It tries a write that changes nothing, to see whether Redis accepts writes.
    """
    chosen = () if task is None else (task,)
    tasks = read_tasks(store, run.run, dag, chosen)
    snapshot = _snapshot(store, run, dag, tasks, chosen)
    return explanation_of_run(snapshot) if task is None else explanation_of_task(snapshot, task)


def read_explanations(
    store: ClientStore, run: RunRecord, dag: CompiledDAG, most: int, hide: Callable[[str], str]
) -> tuple[Explanation, list[Explanation]]:
    """Return the explanation of a run, and those of tasks that did not succeed, at most ``most``.

    Tasks that failed come first, then those that run or wait, then the others. Items are among
    them as far as ``RunTasks`` keeps their records. ``hide``: hides secrets in errors before these
    are cut.
    """
    tasks = read_tasks(store, run.run, dag)
    states = tasks.states
    known = [task for task, _ in tasks.known() if states[task] in _TELLING]
    chosen = sorted(known, key=lambda task: (_TELLING.index(states[task]), task))[:most]
    snapshot = _snapshot(store, run, dag, tasks, chosen, hide)
    return explanation_of_run(snapshot), [explanation_of_task(snapshot, task) for task in chosen]


def _snapshot(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    tasks: RunTasks,
    chosen: Sequence[int],
    hide: Callable[[str], str] = str,
) -> Snapshot:
    """Return a snapshot that explains the run and the chosen tasks."""
    states = tasks.states
    asked = set() if run.failed_task is None else {run.failed_task}
    asked.update(chosen)
    asked |= {failed_above(tasks.edges, states.__getitem__, task) for task in chosen}
    asked |= {tasks.first_failed(number) for number in asked if dag.is_valid(number)}
    known = [at for at in sorted(asked) if at < len(states) and states[at] is not None]
    snapshot = read_snapshot(store, run, dag, tasks, asks_redis=True, asked=known, hide=hide)
    if run.has_children:
        failed = [at for at in known if states[at] is TaskState.FAILED]
        below = {at: failed_child(store, run.run, at) for at in failed}
        snapshot = replace(snapshot, failed_children=below)
    return snapshot


def read_leading_cause(
    store: ClientStore, run: str, graph: Callable[[RunRecord], CompiledDAG]
) -> tuple[str, bool]:
    """Read what an unfinished run waits for, and whether a user has to act."""
    record = store.read_run(run)
    dag = graph(record)
    return leading_cause(store, record, dag, read_tasks(store, run, dag))


def leading_cause(
    store: ClientStore, run: RunRecord, dag: CompiledDAG, tasks: RunTasks
) -> tuple[str, bool]:
    """Return what an unfinished run waits for, and whether a user has to act.

    "" for a run that is over. This does not try to write.
    """
    if run.state in RUN_OVER:
        return "", False
    return leading_sentence(causes_of(read_snapshot(store, run, dag, tasks)))
