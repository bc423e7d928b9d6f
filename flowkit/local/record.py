"""Recording the results of a run in a state store, and taking a run up again from them.

A result is an entry of its own, under ``DAG/task`` (records.py), so it can be read like any other
state. Beside it stands what it was made from: a digest of the names of its upstream tasks, and of
the parameters and fixed arguments that it took. The rules, which keep a resumed run from mixing
old results and new ones:

1.  A result is reused if it is live, was made from the same, and all results upstream of it are
    reused too. Whatever is made again makes all behind it again.
2.  Before anything runs, the entries of all tasks that will run are deleted, roots first. So what
    is stored always fits together, even if the process dies at any point.
3.  A skipped task is recorded as well (as None, with ``outcome``), and is skipped again.
4.  A result that cannot be recorded fails its task, as on a worker; nothing is left out in silence.
5.  A parameter that has no digest (an open connection, say) cannot be compared with that of the
    next run, so tasks that take it are always made again.
6.  A task that the resume names is made again, and with it, by rule 1, all behind it.
7.  A task that must not start twice is recorded before it starts. Only a resume that names it
    starts it again: else its result stands whatever it was made from, and without one it fails.

Code is not compared: after a change, run without ``resume``. One run of a DAG at a time per store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..core.states import TaskState
from ..core.triggers import OF_THE_RUN
from ..exceptions import WorkerLost
from ..from_task import numbers_of
from ..layout import IndexedDAG
from ..logging import LogLevel, get_logger
from ..state import StateStore, batch_of
from ..state.entries import MISSING
from ..task_cache import check_store, read_or_missing
from .outcome import Outcome
from .records import Records

_STARTED = "started"
_RECORDED = (TaskState.SUCCEEDED, TaskState.SKIPPED)


class Reused(NamedTuple):
    """How a task ended in an earlier run: SUCCEEDED with its result, or SKIPPED with None."""

    state: TaskState
    value: Any


class Recorder:
    """What one run reads from its store and writes to it.

    ``resume``: reuse what is there, but for what ``from_task`` names and all behind it.
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
        """Raises TypeError for what is no store, TaskNotFoundError for a task that is not there."""
        self._state = check_store("run(state=…)", state)
        self._dag_name, self._tasks, self._graph = dag_name, indexed.tasks, indexed.graph
        self._records = Records(self._state, dag_name, indexed.tasks, indexed.graph, params)
        self._resume = resume
        named = numbers_of(from_task, indexed.graph.names, f"DAG {dag_name!r}")
        once = (at for at, task in enumerate(indexed.tasks) if task.policy.at_most_once)
        self._held = set(once).difference(named) if resume else set()
        self._unfinished: set[int] = set()
        # The run's own hooks follow its end, so they are called with each end.
        hooks = [at for at, trigger in indexed.triggers().items() if trigger in OF_THE_RUN]
        self.again = indexed.graph.with_downstream([*named, *hooks])
        self._run_id = ""

    def begin(self, run_id: str) -> dict[int, Reused]:
        """Return what is reused, by task number, and delete the results of all other tasks."""
        self._run_id = run_id
        order = self._graph.order()
        reused: dict[int, Reused] = {}
        for index in order if self._resume else ():
            ups = self._graph.upstream(index)
            found = self._find_held(index) if index in self._held else None
            if found is None and index not in self.again and all(up in reused for up in ups):
                found = self._find(index)
            if found is not None:
                reused[index] = found
        with batch_of(self._state):
            for index in order:
                if index not in reused and index not in self._unfinished:
                    self._records.delete(index)
        if self._resume:
            self._log(len(reused))
        return reused

    def record(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Store those that are results; one that cannot be stored comes back as a failure."""
        done: list[Outcome] = []
        try:
            with batch_of(self._state):
                done = [self._recorded(outcome) for outcome in outcomes]
        except Exception as error:  # the batch as a whole: the disk is full, say
            return [
                _failed(outcome, error) if outcome.state in _RECORDED else outcome
                for outcome in done or outcomes
            ]
        return done

    def starting(self, index: int) -> None:
        """Note that a task which must not start twice starts now. Called in any thread.

        Raises WorkerLost if an earlier run has started it and has no result of it.
        """
        task = self._tasks[index]
        if index in self._unfinished:
            raise WorkerLost(
                f"Task {task.name!r} of DAG {self._dag_name!r} was started by an earlier run, "
                "which has recorded no result, so it may or may not have done its work. It is to "
                "run at most once (at_most_once=True) and is not started again. Look whether its "
                f"work was done; if it was not, resume with from_task={task.name!r}."
            )
        about = {"dag": self._dag_name, "task": task.name, "run_id": self._run_id}
        self._records.save(index, None, {**about, "outcome": _STARTED})

    # -- one task ------------------------------------------------------------------------------

    def _recorded(self, outcome: Outcome) -> Outcome:
        if outcome.state not in _RECORDED:
            return outcome
        succeeded = outcome.state is TaskState.SUCCEEDED
        about = {
            "dag": self._dag_name,
            "task": self._tasks[outcome.task].name,
            "run_id": self._run_id,
            "outcome": outcome.state.value,
            "inputs": self._records.inputs(outcome.task),
        }
        try:
            value = outcome.value if succeeded else None
            self._records.save(outcome.task, value, about)
        except Exception as error:
            return _failed(outcome, error)
        return outcome

    def _find_held(self, index: int) -> Reused | None:
        """Return what came of a task that must not start twice, whatever it was made from."""
        found = self._records.find(index)
        if found is None:
            return None
        if found.about.get("outcome") == TaskState.SUCCEEDED.value:
            value = read_or_missing(self._state, found.key)
            return None if value is MISSING else Reused(TaskState.SUCCEEDED, value)
        if found.about.get("outcome") == _STARTED:
            self._unfinished.add(index)
        return None

    def _find(self, index: int) -> Reused | None:
        found = self._records.find(index)
        if found is None or found.inputs is None or found.about.get("inputs") != found.inputs:
            return None
        value = read_or_missing(self._state, found.key)
        if value is MISSING:
            return None
        skipped = found.about.get("outcome") == TaskState.SKIPPED.value
        return Reused(TaskState.SKIPPED if skipped else TaskState.SUCCEEDED, value)

    def _log(self, count: int) -> None:
        total = len(self._tasks)
        get_logger().event(
            LogLevel.SYSTEM,
            "dag_resume",
            f"DAG resumed: {self._dag_name} ({count} of {total} tasks reused)",
            run_id=self._run_id,
            dag_name=self._dag_name,
            reused=count,
            total=total,
        )


def _failed(outcome: Outcome, error: Exception) -> Outcome:
    return Outcome(outcome.task, outcome.attempt, TaskState.FAILED, error)
