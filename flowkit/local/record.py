"""Recording the results of a run in a state store, and resuming a run from them.

Each result is an entry under ``DAG/task`` (records.py) that can be read like any other state. Its
metadata has a digest of its inputs: the names of the upstream tasks (first those whose results it
gets, then those that it only comes after), and the parameters and fixed arguments of the task.
These rules keep a resumed run from mixing old and new results:

1.  A result is reused if it has not expired, its inputs have the same digest, and all results
    upstream of it are reused too. If a task runs again, everything downstream runs again.
2.  Before anything runs, the entries of all tasks that will run are deleted, roots first. So the
    stored results are always consistent, even if the process dies at any point.
3.  A skipped task is recorded too (as None, with ``outcome``), and is skipped again.
4.  A result that cannot be recorded fails its task, as on a worker. No result is dropped silently.
5.  A parameter without a digest, such as an open connection, cannot be compared with the one of the
    next run, so tasks that take it always run again.
6.  A task that the resume names runs again, and by rule 1 everything downstream does too.
7.  A dropped result (``keep_result=False``) is replaced by None and the outcome ``dropped``. Its
    task counts as reused, unless a task that takes the result runs again: then it runs again too,
    and by rule 1 everything downstream. Earlier releases always run it again.
8.  An at-most-once task is recorded before it starts. Only a resume that names it starts it again.
    Otherwise its result is reused whatever its inputs were, and without a result the task fails.

Code is not compared: after a change, run without ``resume``. Only one run of a DAG may use a store
at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..core.dropping import with_needed
from ..core.states import TaskState
from ..core.triggers import OF_THE_RUN
from ..definition.indexing import IndexedDAG
from ..definition.task_names import numbers_of
from ..exceptions import WorkerLost
from ..state.entries import MISSING
from ..state.store import StateStore, batch_of
from ..state.task_cache import check_store, read_or_missing
from .outcome import LocalOutcome
from .records import Records
from .run_events import RunEvents

_STARTED, _DROPPED = "started", "dropped"
_RECORDED = (TaskState.SUCCEEDED, TaskState.SKIPPED)


class Reused(NamedTuple):
    """How a task ended in an earlier run: SUCCEEDED with its result, or SKIPPED with None."""

    state: TaskState
    value: Any


class Recorder:
    """Reads and writes the results of one run.

    ``resume``: reuse stored results, except those of ``from_task`` and everything downstream.
    """

    def __init__(
        self,
        state: StateStore,
        dag_name: str,
        indexed: IndexedDAG,
        params: Mapping[str, Any],
        *,
        resume: bool,
        from_task: object = None,
    ) -> None:
        """Raises TypeError for an invalid store, TaskNotFoundError for an unknown task."""
        self._state = check_store("run(state=…)", state)
        self._dag_name, self._tasks, self._graph = dag_name, indexed.tasks, indexed.graph
        self._records = Records(self._state, dag_name, indexed.tasks, indexed.graph, params)
        self._resume = resume
        named = numbers_of(from_task, indexed.graph.names, f"DAG {dag_name!r}")
        once = (at for at, task in enumerate(indexed.tasks) if task.policy.at_most_once)
        self._held = set(once).difference(named) if resume else set()
        self._unfinished: set[int] = set()
        self._dropped: set[int] = set()
        # The hooks of the run follow its end, so they are called at every end.
        hooks = [at for at, trigger in indexed.triggers().items() if trigger in OF_THE_RUN]
        self.rerun = indexed.graph.with_downstream([*named, *hooks])
        self._run_id = ""
        self._events: RunEvents | None = None  # of the run, from its beginning on

    def begin(self, events: RunEvents) -> dict[int, Reused]:
        """Return the reused results by task number, and delete those of all other tasks."""
        self._run_id, self._events = events.run_id, events
        order = self._graph.order()
        reused: dict[int, Reused] = {}
        for index in order if self._resume else ():
            ups = self._graph.upstream(index)
            result = self._find_held(index) if index in self._held else None
            if result is None and index not in self.rerun and all(up in reused for up in ups):
                result = self._find(index)
            if result is not None:
                reused[index] = result
        self._remake_needed(reused)
        with batch_of(self._state):
            for index in order:
                if index not in reused and index not in self._unfinished:
                    self._records.delete(index)
        if self._resume:
            events.resumed(len(reused))
        return reused

    def record(self, outcomes: Sequence[LocalOutcome]) -> list[LocalOutcome]:
        """Store the results; an outcome that cannot be stored is returned as a failure."""
        done: list[LocalOutcome] = []
        try:
            with batch_of(self._state):
                done = [self._recorded(outcome) for outcome in outcomes]
        except Exception as error:  # of the whole batch: the disk may be full
            return [
                _failed(outcome, error) if outcome.state in _RECORDED else outcome
                for outcome in done or outcomes
            ]
        return done

    def drop(self, tasks: Sequence[int]) -> None:
        """Replace recorded results by a record that they were dropped."""
        try:
            with batch_of(self._state):
                for index in tasks:
                    inputs = self._records.inputs(index)
                    about = self._about(index) | {"outcome": _DROPPED, "dropped_inputs": inputs}
                    self._records.save(index, None, about)
        except Exception as error:  # the run needs them no longer, so it does not fail
            if self._events is not None:
                self._events.not_dropped(tasks, str(error))

    def starting(self, index: int) -> None:
        """Record that an at-most-once task starts now. Any thread may call this.

        Raises WorkerLost if an earlier run started the task and recorded no result.
        """
        task = self._tasks[index]
        if index in self._unfinished:
            raise WorkerLost(
                f"Task {task.name!r} of DAG {self._dag_name!r} was started by an earlier run, "
                "which recorded no result, so it may or may not have done its work. It must run at "
                "most once (at_most_once=True) and is not started again. Check whether its work "
                f"was done; if it was not, resume with from_task={task.name!r}."
            )
        self._records.save(index, None, self._about(index) | {"outcome": _STARTED})

    def _remake_needed(self, reused: dict[int, Reused]) -> None:
        """Rerun the tasks whose dropped results are needed, and everything downstream."""
        if self._dropped:
            rerun = [index for index in range(len(self._tasks)) if index not in reused]
            held = self._held & reused.keys()
            for index in with_needed(self._graph, rerun, self._dropped, held) - held:
                reused.pop(index, None)

    def _about(self, index: int) -> dict[str, object]:
        return {"dag": self._dag_name, "task": self._tasks[index].name, "run_id": self._run_id}

    # -- one task ------------------------------------------------------------------------------

    def _recorded(self, outcome: LocalOutcome) -> LocalOutcome:
        if outcome.state not in _RECORDED:
            return outcome
        succeeded = outcome.state is TaskState.SUCCEEDED
        inputs = self._records.inputs(outcome.task)
        about = self._about(outcome.task) | {"outcome": outcome.state.value, "inputs": inputs}
        try:
            value = outcome.value if succeeded else None
            self._records.save(outcome.task, value, about)
        except Exception as error:
            return _failed(outcome, error)
        return outcome

    def _find_held(self, index: int) -> Reused | None:
        """Return the result of an at-most-once task, whatever its inputs were."""
        record = self._records.find(index)
        if record is None:
            return None
        if record.about.get("outcome") == TaskState.SUCCEEDED.value:
            value = read_or_missing(self._state, record.key)
            return None if value is MISSING else Reused(TaskState.SUCCEEDED, value)
        if record.about.get("outcome") == _STARTED:
            self._unfinished.add(index)
        return None

    def _find(self, index: int) -> Reused | None:
        record = self._records.find(index)
        if record is None or record.inputs is None:
            return None
        if record.about.get("dropped_inputs") == record.inputs:
            self._dropped.add(index)
            return Reused(TaskState.SUCCEEDED, None)
        if record.about.get("inputs") != record.inputs:
            return None
        value = read_or_missing(self._state, record.key)
        if value is MISSING:
            return None
        skipped = record.about.get("outcome") == TaskState.SKIPPED.value
        return Reused(TaskState.SKIPPED if skipped else TaskState.SUCCEEDED, value)


def _failed(outcome: LocalOutcome, error: Exception) -> LocalOutcome:
    return LocalOutcome(outcome.task, outcome.attempt, TaskState.FAILED, error)
