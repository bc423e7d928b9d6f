"""Runs that tasks have called, and the runs of these tasks: what is done with one affects others.

A resume of a run that a task has called resumes the run of that task, if that is over, and so on up
to the top: each run then resumes the runs below that did not succeed. A run is deleted with all
that its tasks have called.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..core.graph import Graph
from ..core.run_record import Parent
from ..core.states import RunState
from ..exceptions import FlowkitError
from ..protocol.client_store import ClientStore
from ..protocol.limits import MAX_DEPTH
from .caller import caller

DELETED_AT_ONCE = 500
READ_AT_ONCE = 1000
_UNSUCCESSFUL = (RunState.FAILED, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class CalledRun:
    """A run that a task has called. ``state``: None if the run is gone.

    ``task``, ``attempt``: the attempt that has called it.
    """

    run_id: str
    dag_name: str
    state: RunState | None
    task: str
    attempt: int


def read_children(
    store: ClientStore, run: str, graph: Graph, *, most: int | None = None
) -> list[CalledRun]:
    """Return the runs that the tasks of a run have called, by task, attempt and position."""
    found = {(item.task, item.attempt): item.calls.runs for item in store.read_calls_of(run)}
    called = [
        (task, attempt, child) for (task, attempt), runs in sorted(found.items()) for child in runs
    ][:most]
    states: list[RunState | None] = []
    for at in range(0, len(called), READ_AT_ONCE):
        part = called[at : at + READ_AT_ONCE]
        states += store.read_states_of([child.run for _, _, child in part])
    return [
        CalledRun(child.run, child.dag_name, state, task_name(graph, task), attempt)
        for (task, attempt, child), state in zip(called, states, strict=True)
    ]


def calling_task(store: ClientStore, parent: Parent) -> str:
    """Return the name of the task that has called a run. Its own run may be gone."""
    graph = None
    with suppress(FlowkitError):
        graph = store.read_graph(store.read_run(parent.run).digest)
    return f"number {parent.task}" if graph is None else task_name(graph.graph, parent.task)


def task_name(graph: Graph, task: int) -> str:
    """Return the name of a task by its number."""
    return graph.names[task] if task < len(graph.names) else f"task {task}"


def resume_family(store: ClientStore, run: str, tasks: Sequence[int]) -> None:
    """Resume a run, and the runs above it that are over. See ``RunHandle.resume``."""
    by, top = caller(), _top(store, run)
    if tasks or top == run:
        store.resume(run, tasks, by)
    if top != run:
        store.resume(top, (), by)


def _top(store: ClientStore, run: str) -> str:
    """Return the highest of the runs above that did not succeed, each with the one below."""
    top = run
    for _ in range(MAX_DEPTH):
        parent = store.read_parent(top)
        if parent is None or store.read_states_of([parent.run])[0] not in _UNSUCCESSFUL:
            break
        top = parent.run
    return top


def delete_family(store: ClientStore, run: str) -> bool:
    """Delete a run that is over, with the runs below it. See ``RunHandle.delete``."""
    below = runs_below(store, [run])
    deleted = store.delete(run)
    delete_below(store, below)
    return deleted


def runs_below(store: ClientStore, runs: Sequence[str]) -> list[str]:
    """Return the runs that tasks of these runs have called."""
    return [
        child for run in runs for found in store.read_calls_of(run) for child in found.runs_called
    ]


def delete_below(store: ClientStore, below: list[str]) -> None:
    """Delete those of these runs that are over, with the runs below them."""
    for _ in range(MAX_DEPTH):
        if not below:
            break
        runs, below = below, runs_below(store, below)
        for at in range(0, len(runs), DELETED_AT_ONCE):
            store.delete_many(runs[at : at + DELETED_AT_ONCE])
