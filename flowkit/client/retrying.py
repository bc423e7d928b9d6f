"""``handle.retry``: start tasks again that wait for a retry, or that have failed for good.

A task that waits becomes due at once. A task that has failed for good can only start again when its
run is over: the run is then resumed from it. Which of the two a call means follows from the state
of the run, so a task in any other state is refused with its state and with what to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ..basics.counted import counted
from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.snapshot import CHILDREN
from ..core.states import RunState, TaskState
from ..definition.task_names import names_of, numbers_of
from ..exceptions import RunAlreadyOver, RunNotOver, TaskNotFailed
from ..protocol.app_functions import function_id, pinned_id
from ..protocol.change_store import Waiting
from ..protocol.client_store import ClientStore
from ..protocol.keys import of_function, ready_list
from ..protocol.records import TaskRecord
from .caller import caller
from .families import resume_family
from .run_tasks import read_tasks

MOST_RETRIED = 100_000  # items of one mapped task, by one call
_TROUBLED = (TaskState.FAILED, TaskState.WAITING)


class Stored(Protocol):
    """What a retry needs of the shard of a run."""

    def run_store(self, run_id: str) -> AbstractContextManager[ClientStore]:
        """Return the calls to the store of the run."""


class Retryable(Protocol):
    """What a retry needs of a run handle."""

    run_id: str

    @property
    def shard(self) -> Stored:
        """The shard of the run."""

    def record(self) -> RunRecord:
        """Return the record of the run."""

    def graph(self, record: RunRecord | None = None) -> CompiledDAG:
        """Return its compiled DAG."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry did. ``tasks``: those that start again.

    ``resumed``: whether the run was over and has been resumed. If not, the tasks waited for their
    next attempt, which is now due.
    """

    tasks: tuple[str, ...]
    resumed: bool


def retry(handle: Retryable, tasks: str | Sequence[str] | None) -> Retried:
    """Retry tasks of a run. See ``RunHandle.retry``."""
    record = handle.record()
    dag, named = handle.graph(record), names_of(tasks, "tasks")
    with handle.shard.run_store(handle.run_id) as store:
        wanted = find_tasks(store, record.run, dag, named)
    if record.state is RunState.RUNNING:
        return _hasten(handle, record, dag, wanted, named)
    failed = [task for task, item in wanted.items() if item.state is TaskState.FAILED]
    if not failed and not named:
        raise _nothing_failed(record)
    for task, item in wanted.items() if named else ():
        if item.state is not TaskState.FAILED:
            raise _wrong_state(record, dag.task_name(task), item.state)
    with handle.shard.run_store(handle.run_id) as store:
        resume_family(store, handle.run_id, failed)
    return Retried(tuple(map(dag.task_name, failed)), resumed=True)


def find_tasks(
    store: ClientStore, run: str, dag: CompiledDAG, named: Sequence[str]
) -> dict[int, TaskRecord]:
    """Return the records of the named tasks and items; without names, those that a retry may mean.

    A mapped task means its items that have failed or wait, and itself if none has. Raises
    TaskNotFoundError, CorruptData.
    """
    if not dag.maps:
        numbers = numbers_of(named or None, dag.graph.names, f"run {run!r}", option="tasks")
        asked = numbers or range(len(dag.graph))
        return dict(zip(asked, store.read_records(run, asked), strict=True))
    tasks = read_tasks(store, run, dag, most_failed=MOST_RETRIED)
    numbers = [tasks.shape.number(name, f"run {run!r}") for name in named]
    items = [number for number in numbers if number >= len(dag.graph)]
    records = dict(zip(items, store.read_records(run, items), strict=True))
    for number in [number for number in numbers if number not in records] or (
        () if named else range(len(dag.graph))
    ):
        troubled = {
            item: record
            for item, record in (tasks.items.items() if number in dag.maps else ())
            if dag.numbering.node(item) == number and record.state in _TROUBLED
        }
        records.update(troubled or {number: tasks.records[number]})
    return records


def _hasten(
    handle: Retryable,
    record: RunRecord,
    dag: CompiledDAG,
    wanted: dict[int, TaskRecord],
    named: Sequence[str],
) -> Retried:
    if record.stop is not None:
        raise RunNotOver(
            record.run,
            f"run {record.run!r} is being stopped: wait for its end, then retry the task again",
        )
    waiting = [task for task, item in wanted.items() if item.state is TaskState.WAITING]
    calling = [task for task in waiting if wanted[task].reason == CHILDREN]
    waiting = [task for task in waiting if wanted[task].reason != CHILDREN]
    for task in calling:
        if not waiting or dag.task_name(task) in named:
            raise _waits_for_runs(handle, record, dag, task)
    if not waiting and not named:
        raise _nothing_waits(record, any(i.state is TaskState.FAILED for i in wanted.values()))
    for task, item in wanted.items() if named else ():
        if item.state is TaskState.FAILED:
            raise _not_over(record, dag.task_name(task))
        if item.state is not TaskState.WAITING:
            raise _wrong_state(record, dag.task_name(task), item.state)
    places = [_waiting(dag, task, wanted[task].attempt) for task in waiting]
    with handle.shard.run_store(handle.run_id) as store:
        store.hasten(handle.run_id, places, caller())
    return Retried(tuple(map(dag.task_name, waiting)), resumed=False)


def _waits_for_runs(
    handle: Retryable, record: RunRecord, dag: CompiledDAG, task: int
) -> TaskNotFailed:
    """Return the error for a task that waits for runs which it has called, so for no retry."""
    with handle.shard.run_store(handle.run_id) as store:
        child, number = store.read_open_calls(handle.run_id, [task]).get(task, ("", 0))
    others = f" and {counted(number - 1, 'other run')}" if number > 1 else ""
    advice = (
        f"To retry what waits there: 'flowkit retry {child}'; to see what it waits for: 'flowkit "
        f"why {child}'"
    )
    return TaskNotFailed(
        record.run,
        f"task {dag.task_name(task)!r} of run {record.run!r} does not wait for a retry: it waits "
        f"for {f'run {child!r}' if child else 'runs'}{others} that it has called. "
        + (advice if child else f"To list them: 'flowkit status {record.run}'"),
    )


def _waiting(dag: CompiledDAG, task: int, attempt: int) -> Waiting:
    """Return where a retry of a task may be entered: in the list of its queue, or in one of its
    function if only some workers have that."""
    policy, ref = dag.policy(task), dag.ref(task)
    plain = ready_list(policy.queue, is_async=policy.is_async)
    lists = [plain, of_function(plain, function_id(ref))]
    if dag.pinned:
        lists.insert(0, of_function(plain, pinned_id(ref, dag.pinned)))
    return Waiting(task, attempt, str(policy.priority), lists)


def _not_over(record: RunRecord, task: str) -> RunNotOver:
    again = f"'flowkit retry {record.run} {shlex.quote(task)}'"
    return RunNotOver(
        record.run,
        f"task {task!r} of run {record.run!r} has failed for good, and the run is not over yet. "
        f"Wait for its end, or stop it with 'flowkit cancel {record.run} --wait'; then: {again}",
    )


def _wrong_state(record: RunRecord, task: str, state: TaskState) -> TaskNotFailed:
    advice = {
        TaskState.SUCCEEDED: f"To run it again: 'flowkit resume {record.run} --from-task "
        f"{shlex.quote(task)}', when the run is over",
        TaskState.QUEUED: f"It starts when a worker is free: 'flowkit status {record.run}'",
        TaskState.RUNNING: "It is executing now",
        TaskState.PENDING: "It starts when the tasks before it are over",
        TaskState.UPSTREAM_FAILED: f"Retry the task before it that failed: 'flowkit status "
        f"{record.run} --state failed'",
        TaskState.CANCELLED: f"To run it: 'flowkit resume {record.run}'",
        TaskState.SKIPPED: f"Its condition was false: 'flowkit status {record.run}'",
        TaskState.WAITING: f"The run is over: 'flowkit status {record.run}'",
    }
    words = {
        TaskState.SUCCEEDED: "has succeeded",
        TaskState.UPSTREAM_FAILED: "did not run, since a task before it failed",
        TaskState.CANCELLED: "was cancelled",
        TaskState.SKIPPED: "was skipped",
    }
    return TaskNotFailed(
        record.run,
        f"task {task!r} of run {record.run!r} {words.get(state, f'is {state.value}')}: only a task "
        f"that has failed or waits for a retry can be retried. {advice[state]}",
    )


def _nothing_waits(record: RunRecord, any_failed: bool) -> TaskNotFailed:
    advice = "When the run is over, its failed tasks can be retried. " if any_failed else ""
    return TaskNotFailed(
        record.run,
        f"no task of run {record.run!r} waits for a retry. {advice}To see what the run does: "
        f"'flowkit status {record.run}'",
    )


def _nothing_failed(record: RunRecord) -> RunAlreadyOver | TaskNotFailed:
    if record.state is RunState.SUCCEEDED:
        return RunAlreadyOver(
            record.run,
            f"run {record.run!r} succeeded, so there is nothing to retry. To run tasks again: "
            f"'flowkit resume {record.run} --from-task TASK'",
        )
    return TaskNotFailed(
        record.run,
        f"run {record.run!r} has no failed task. To continue it: 'flowkit resume {record.run}'",
    )
