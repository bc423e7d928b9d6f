"""Runs that tasks have called, and the runs of these tasks: what is done with one affects others.

A resume of a run that a task has called resumes the run of that task, if that is over, and so on up
to the top: each run then resumes the runs below that did not succeed. A run is deleted with all
that its tasks have called.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, NamedTuple, Self

from ..core.called_run import MOST_DEPTH, CalledRun
from ..core.run_record import Parent, RunRecord
from ..core.states import RunState
from ..definition.task_names import names_of
from ..exceptions import FlowkitError
from ..protocol.client_store import ClientStore
from .caller import caller

if TYPE_CHECKING:
    from ..core.compiled import CompiledDAG

DELETED_AT_ONCE = 500
READ_AT_ONCE = 1000
MOST_CHILDREN = 1000  # that are listed with the status of a run
_UNSUCCESSFUL = (RunState.FAILED, RunState.CANCELLED)


def read_children(
    store: ClientStore, run: str, dag: CompiledDAG, *, most: int | None = None
) -> list[CalledRun]:
    """Return the runs that the tasks of a run have called, by task, attempt and position.

    A resume passes the runs of an attempt on to the next one. Each is returned once, with the
    attempt that has called it.
    """
    found = {(item.task, item.attempt): item.calls.runs for item in store.read_calls_of(run)}
    called = []
    seen: set[str] = set()
    for (task, attempt), runs in sorted(found.items()):
        called += [(task, attempt, child) for child in runs if child.run not in seen]
        seen.update(child.run for child in runs)
    called = called[:most]
    states: list[RunState | None] = []
    for at in range(0, len(called), READ_AT_ONCE):
        part = called[at : at + READ_AT_ONCE]
        states += store.read_states_of([child.run for _, _, child in part])
    return [
        CalledRun(child.run, child.dag_name, state, task_name(dag, task), attempt)
        for (task, attempt, child), state in zip(called, states, strict=True)
    ]


class Family(NamedTuple):
    """What is shown of the family of a run: the task that has called it, and its children."""

    parent_run: str = ""
    parent_task: str = ""
    children: Sequence[CalledRun] = ()


def read_family(store: ClientStore, run: RunRecord, dag: CompiledDAG) -> Family:
    """Return the family of a run, with at most ``MOST_CHILDREN``."""
    parent, task, children = "", "", []
    if run.parent is not None:
        parent, task = run.parent.run, calling_task(store, run.parent)
    if run.has_children:
        children = read_children(store, run.run, dag, most=MOST_CHILDREN)
    return Family(parent, task, children)


def calling_task(store: ClientStore, parent: Parent) -> str:
    """Return the name of the task that has called a run. Its own run may be gone."""
    graph = None
    with suppress(FlowkitError):
        graph = store.read_graph(store.read_run(parent.run).digest)
    return f"number {parent.task}" if graph is None else task_name(graph, parent.task)


def task_name(dag: CompiledDAG, task: int) -> str:
    """Return the name of a task or an item by its number."""
    return dag.task_name(task) if dag.is_valid(task) else f"task {task}"


def resume_family(store: ClientStore, run: str, tasks: Sequence[int]) -> str:
    """Resume a run, and the runs above it that are over. See ``RunHandle.resume``.

    Return the highest run that was resumed.
    """
    by, top = caller(), _top(store, run)
    if tasks or top == run:
        store.resume(run, tasks, by)
    if top != run:
        store.resume(top, (), by)
    return top


def _top(store: ClientStore, run: str) -> str:
    """Return the highest of the runs above that did not succeed, each with the one below."""
    top = run
    for _ in range(MOST_DEPTH):
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
    for _ in range(MOST_DEPTH):
        if not below:
            break
        runs, below = below, runs_below(store, below)
        for at in range(0, len(runs), DELETED_AT_ONCE):
            store.delete_many(runs[at : at + DELETED_AT_ONCE])


class RunFamily:
    """What ``RunHandle`` does with a run and those above and below it."""

    run_id: str

    def _store(self) -> AbstractContextManager[ClientStore]:
        raise NotImplementedError

    def _of_run(self, run_id: str) -> Self:
        """Return the handle of another run in the same shard."""
        raise NotImplementedError

    def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return the compiled DAG that the run follows."""
        raise NotImplementedError

    def _numbers(self, tasks: Sequence[str]) -> list[int]:
        """Return the numbers of tasks and items."""
        raise NotImplementedError

    def parent(self) -> Self | None:
        """Return the run of the task that has called this run, None if it was submitted.

        Its record (``record().parent``) says which attempt it was.
        """
        with self._store() as store:
            parent = store.read_parent(self.run_id)
        return None if parent is None else self._of_run(parent.run)

    def children(self) -> list[CalledRun]:
        """Return the runs that tasks of this run have called, by task, attempt and position.

        Raises RunNotFound, RunLost, RunDamaged.
        """
        dag = self.graph()
        with self._store() as store:
            return read_children(store, self.run_id, dag)

    def delete(self) -> bool:
        """Delete the run and all its data, before its TTL expires. It must be over.

        Return whether there was anything to delete. Deleting a run again does no harm. If the
        connection breaks, the call is repeated, and may return False although it has deleted the
        run. Raises RunNotOver; stop such a run first, with ``cancel`` and ``wait``.
        """
        with self._store() as store:
            return delete_family(store, self.run_id)

    def resume(self, from_task: str | Sequence[str] | None = None) -> None:
        """Resume the run after a failure or a cancellation. Results of successful tasks are kept.

        A run that succeeded with failed items (``failures="collect"``) reruns these.

        ``from_task``: the name of a task or an item (``parse[7]``), or several, to run again with
        everything downstream, even if it succeeded; of a mapped task, all items. With it, a run
        that succeeded can be resumed too.

        Raises RunNotFound, TaskNotFoundError for a name that the DAG does not have, RunAlreadyOver
        if the run succeeded without any failure and no task is named, RunNotOver if the run has not
        ended and a task is named.
        """
        numbers = self._numbers(names_of(from_task))
        with self._store() as store:
            resume_family(store, self.run_id, numbers)
