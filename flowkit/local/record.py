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
    In a run that a task calls, this holds for each call: a task that calls anew, as in a retry,
    gets another run, which starts its own at-most-once tasks.
9.  An item of a mapped task is recorded like a task, under ``DAG/TASK[INDEX]``. The entry of the
    mapped task has the number of items, and names the run in which they began to exist, as the
    entries of the items do. They are reused only together with the list that they belong to: if
    what the task is mapped over runs again, there are new items, and the old entries are deleted.
    Of the items that are there, only those run again that have no result.
10. Results of runs that tasks call are recorded too. They are deleted when the result of the
    calling task is recorded (call_records.py).

Code is not compared: after a change, run without ``resume``. Only one run of a DAG may use a store
at a time.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from ..core.states import TaskState
from ..core.triggers import OF_THE_RUN
from ..definition.indexing import IndexedDAG
from ..definition.task import Task
from ..definition.task_names import numbers_of
from ..exceptions import WorkerLost
from ..execution.elements import elements_of
from ..state.store import StateStore, batch_of
from ..state.task_cache import check_store
from .call_records import CallPlace, CallRecording
from .earlier_run import CALLED, DROPPED, EXPANDED, STARTED, EarlierRun, Expanded, Reused
from .numbered import Numbered
from .outcome import LocalOutcome
from .records import Records
from .run_events import RunEvents

_RECORDED = (TaskState.SUCCEEDED, TaskState.SKIPPED)


class Recorder:
    """Reads and writes the results of one run.

    ``resume``: reuse stored results, except those of ``from_task`` and everything downstream.
    """

    def __init__(
        self,
        state: StateStore,
        dag_name: str,
        indexed: IndexedDAG,
        numbered: Numbered[Task],
        params: Mapping[str, Any],
        *,
        resume: bool,
        from_task: object = None,
        call_place: CallPlace | None = None,
    ) -> None:
        """``call_place``: of a run that a task has called.

        Raises TypeError for an invalid store, TaskNotFoundError for an unknown task.
        """
        self._state = check_store("run(state=…)", state)
        self._dag_name, self._indexed, self._numbered = dag_name, indexed, numbered
        self._graph = indexed.graph
        self._records = Records(self._state, dag_name, numbered, indexed.graph, params, call_place)
        self._resume = resume
        named = numbers_of(from_task, indexed.graph.names, f"DAG {dag_name!r}")
        once = (at for at, task in enumerate(indexed.tasks) if task.policy.at_most_once)
        held = set(once).difference(named) if resume else set[int]()
        # The hooks of the run follow its end, so they are called at every end.
        hooks = [at for at, trigger in indexed.triggers().items() if trigger in OF_THE_RUN]
        self.rerun = indexed.graph.with_downstream([*named, *hooks])
        self._earlier = EarlierRun(self._records, indexed, self.rerun, held)
        self._expanded: dict[int, Expanded] = {}
        self._unrecorded: dict[int, Exception] = {}
        self._lengths: dict[int, int] = {}  # of results that are mapped
        self._calls: dict[int, CallRecording] = {}  # of the last attempt that called, by task
        self._is_prepared = False
        self._run_id = ""
        self._events: RunEvents | None = None  # of the run, from its beginning on

    def prepare(self) -> None:
        """Read what is reused, and delete the results of all other tasks and items."""
        earlier = self._earlier
        if self._resume:
            earlier.read()
        self._expanded = dict(earlier.expanded)
        lengths = {number: result.length for number, result in earlier.reused.items()}
        self._lengths = {at: length for at, length in lengths.items() if length is not None}
        with batch_of(self._state):
            self._delete(earlier.reused, earlier.unfinished, earlier.called, earlier.expanded)
        self._is_prepared = True

    def begin(self, events: RunEvents) -> dict[int, Reused]:
        """Return the reused results by number. Prepares the run if that has not been done."""
        if not self._is_prepared:
            self.prepare()
        self._run_id, self._events = events.run_id, events
        reused, self._earlier.reused = self._earlier.reused, {}  # which are kept no longer here
        if self._resume:
            grown = {task: at.length for task, at in self._earlier.expanded.items() if at.length}
            count = len(reused.keys() - grown.keys())  # a mapped task counts as its items
            events.resumed(count, sum(grown.values()) - len(grown))
        return reused

    def _delete(self, *kept: Container[int]) -> None:
        """Delete the entries of all tasks and items that are in none of these, roots first."""
        for task in self._graph.order():
            items = self._stored_items(task) if task in self._indexed.maps else ()
            for number in chain(items, [task]):
                if not any(number in part for part in kept):
                    self._records.delete(number)

    def _stored_items(self, task: int) -> range:
        own = self._expanded.get(task)
        length = max(self._earlier.stored_items(task), 0 if own is None else own.length)
        return self._indexed.numbering.items(task, length)

    def expanded(self, task: int, length: int) -> None:
        """Record that a mapped task has so many items, which belong to this run or an earlier one.

        If that fails, its items fail too when they are recorded.
        """
        if task in self._expanded:
            return
        self._expanded[task] = Expanded(length, self._run_id)
        about = self._about(task) | {"outcome": EXPANDED, "inputs": self._records.inputs(task)}
        try:
            self._records.save(task, None, about | {"items": length, "expansion": self._run_id})
        except Exception as error:
            self._unrecorded[task] = error

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
        for outcome in done if self._calls else ():
            if outcome.state in _RECORDED:
                self._forget_calls(outcome.task)
        return done

    def record_calls(self, task: int, attempt: int) -> CallRecording | None:
        """Record that an attempt calls runs. Return what these record, None for nothing."""
        if self._numbered.tasks[task].policy.at_most_once:
            return None
        earlier = self._earlier.called.pop(task, None)
        calling = earlier or f"{self._run_id}/{attempt}"
        about = self._about(task) | {"outcome": CALLED, "called_inputs": self._records.inputs(task)}
        self._records.save(task, None, about | {"calling_attempt": calling})
        self._forget_calls(task)  # of an attempt before this one: they are not read again
        key = self._records.key(task)
        recording = CallRecording(self._state, earlier is not None, key, calling, [])
        self._calls[task] = recording
        return recording

    def _forget_calls(self, task: int) -> None:
        """Delete what runs that a task has called have recorded.

        If that fails, it stays, and is never read.
        """
        recording = self._calls.pop(task, None)
        if recording is not None:
            with suppress(Exception), batch_of(self._state):
                recording.forget()

    def forget(self) -> None:
        """Delete all that the run has recorded, and the runs that it has called."""
        for recording in self._calls.values():
            recording.forget()
        self._delete()

    def drop(self, tasks: Sequence[int]) -> None:
        """Replace recorded results by a record that they were dropped."""
        try:
            with batch_of(self._state):
                for index in tasks:
                    inputs = self._records.inputs(index)
                    about = self._about(index) | {"outcome": DROPPED, "dropped_inputs": inputs}
                    if index in self._lengths:
                        about["length"] = self._lengths[index]
                    self._records.save(index, None, about)
        except Exception as error:  # the run needs them no longer, so it does not fail
            if self._events is not None:
                self._events.not_dropped(tasks, str(error))

    def starting(self, index: int) -> None:
        """Record that an at-most-once task starts now. Any thread may call this.

        Raises WorkerLost if an earlier run started the task and recorded no result.
        """
        if index in self._earlier.unfinished:
            name, task = self._numbered.names[index], self._numbered.tasks[index].name
            raise WorkerLost(
                f"Task {name!r} of DAG {self._dag_name!r} was started by an earlier run, "
                "which recorded no result, so it may or may not have done its work. It must run at "
                "most once (at_most_once=True) and is not started again. Check whether its work "
                f"was done; if it was not, resume with from_task={task!r}."
            )
        self._records.save(index, None, self._about(index) | {"outcome": STARTED})

    def _about(self, index: int) -> dict[str, object]:
        name = self._numbered.plain_name(index)
        about: dict[str, object] = {"dag": self._dag_name, "task": name, "run_id": self._run_id}
        node = self._numbered.node(index)
        return about if node == index else about | {"expansion": self._expanded[node].made_by}

    # -- one task ------------------------------------------------------------------------------

    def _recorded(self, outcome: LocalOutcome) -> LocalOutcome:
        if outcome.state not in _RECORDED:
            return outcome
        succeeded = outcome.state is TaskState.SUCCEEDED
        inputs = self._records.inputs(outcome.task)
        about = self._about(outcome.task) | {"outcome": outcome.state.value, "inputs": inputs}
        if succeeded and self._indexed.is_counted(outcome.task):
            elements = elements_of(outcome.value)
            if elements is not None:
                about["length"] = self._lengths[outcome.task] = len(elements)
        unrecorded = self._unrecorded.get(self._numbered.node(outcome.task))
        if unrecorded is not None:
            return _failed(outcome, unrecorded)
        try:
            value = outcome.value if succeeded else None
            self._records.save(outcome.task, value, about)
        except Exception as error:
            return _failed(outcome, error)
        return outcome


def _failed(outcome: LocalOutcome, error: Exception) -> LocalOutcome:
    return LocalOutcome(outcome.task, outcome.attempt, TaskState.FAILED, error)
