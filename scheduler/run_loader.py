"""The run loader: reads graphs and the states of tasks, and resets what a resume reruns."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flowkit.core.compiled import CompiledDAG
from flowkit.core.dag_cache import DAGCache
from flowkit.core.states import TaskState
from flowkit.protocol.decoding import CorruptData
from flowkit.protocol.parent_store import WaitingTask
from flowkit.protocol.scheduler_store import SchedulerStore, StoredStates
from flowkit.protocol.spent import Flag

from .resuming import (
    CUT_SHORT,
    States,
    divide,
    dropped,
    held,
    may_be_held,
    may_continue,
    named_by_task,
)

_CUT = (TaskState.FAILED, TaskState.CANCELLED)
GRAPH_TASKS_KEPT = 200_000  # tasks in cached graphs, beside those of active runs


class RunLoader:
    """Loads the data of runs."""

    def __init__(self, store: SchedulerStore) -> None:
        self._store = store
        self._graphs = DAGCache(most_tasks=GRAPH_TASKS_KEPT)

    def known_graph(self, digest: str) -> CompiledDAG | None:
        """Return a graph if it is cached; Redis is not read."""
        return self._graphs.get(digest)

    def graph(self, digest: str) -> CompiledDAG:
        """Return a graph. Raises CorruptData if it is gone or damaged."""
        dag = self._graphs.get(digest) or self._store.read_graph(digest)
        if dag is None:
            raise CorruptData(f"its graph {digest[:12]} is no longer in Redis")
        self._graphs.put(digest, dag)
        return dag

    def states(self, run: str, dag: CompiledDAG, resuming: Sequence[int] | None) -> StoredStates:
        """Return the states of the tasks that are not pending. Raises CorruptData.

        ``resuming``: the tasks that a resume named, None if the run is not being resumed. The tasks
        that the resume reruns are made pending.
        """
        stored = self._store.read_states(run, dag)
        return stored if resuming is None else self._reset(run, dag, stored, resuming)

    def _reset(
        self, run: str, dag: CompiledDAG, stored: StoredStates, named: Sequence[int]
    ) -> StoredStates:
        """Reset the tasks that a resume reruns; return the states of the other tasks."""
        states = stored.states
        stay = self._held(run, dag, states, named)
        continued = self._continued(run, dag, states, named)
        states = [(task, continued.get(task, state)) for task, state in states]
        stay = {task: state for task, state in stay.items() if task not in continued}
        succeeded = {task for task, state in states if state is TaskState.SUCCEEDED}
        succeeded -= dropped(dag, states)  # their results are not lost
        succeeded.difference_update(dag.maps)  # they have none: their items do
        lost = self._store.lost_results(run, succeeded)
        gone = [*(lost or ()), *self._lost_elements(run, dag, stored)]
        kept, rerun = divide(dag, states, named, stay, gone)
        recount = lost is not None and stay.keys().isdisjoint(lost)
        by_task = named_by_task(dag, rerun, named)
        self._store.reset(run, rerun, CUT_SHORT, recount=recount, named=by_task)
        lengths = stored.lengths
        still = {task: lengths[task] for task, _ in kept if task in lengths} if lengths else {}
        return StoredStates(kept, still)

    def _continued(
        self, run: str, dag: CompiledDAG, states: States, named: Sequence[int]
    ) -> dict[int, TaskState]:
        """Make tasks wait again for the runs that they have called; return these tasks.

        It is the last calls of a task that count, if nothing but their end followed them.
        """
        cut = [task for task, state in states if state in _CUT and task not in named]
        called = self._store.called_last(run, cut)
        if not called:
            return {}
        ((_, records),) = self._store.read_records_of({run: list(called)})
        because = [
            task
            for task, record in records
            if Flag.CALLED in record.spent.flags or record.attempt == called[task].attempt
        ]
        request = secrets.token_hex(8)
        return {
            task: TaskState.WAITING
            for task in may_continue(dag, states, named, because)
            if self._store.continue_calls(WaitingTask(run, task), request)
        }

    def _lost_elements(self, run: str, dag: CompiledDAG, stored: StoredStates) -> list[int]:
        """Return the tasks whose results are mapped, if Redis has lost their elements."""
        counted = [task for task, length in stored.lengths.items() if length > 0]
        return counted if counted and not self._store.has_inputs(run) else []

    def _held(
        self, run: str, dag: CompiledDAG, states: States, named: Sequence[int]
    ) -> dict[int, TaskState]:
        wanted = may_be_held(dag, states, named)
        batches = self._store.read_records_of({run: wanted}) if wanted else ()
        return {task: state for _, records in batches for task, state in held(records).items()}
