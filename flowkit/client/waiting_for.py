"""What keeps a run from proceeding, as a sentence for the user who has to fix it."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.compiled import CompiledDAG
from ..core.lanes import worker_of
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..core.worker_info import WorkerInfo
from ..protocol.app_functions import function_id, pinned_id
from ..protocol.client_store import ClientStore
from ..protocol.records import TaskRecord
from .no_leader import no_leader
from .run_versions import live_versions

MOST_FUNCTIONS = 100  # to look for, one round trip each


def waiting_for(
    store: ClientStore, run: RunRecord, dag: CompiledDAG, records: list[TaskRecord]
) -> str:
    """Return what an unfinished run waits for, if a user has to fix it, otherwise ""."""
    if run.state is not RunState.RUNNING:
        return ""
    unled = no_leader(store.lease_left_ms())
    if unled:
        return f"{unled}: start flowkit-scheduler on this Redis and namespace."
    workers = store.alive_workers()
    return (
        _unserved(workers, dag, records)
        or _all_wait(workers, dag, records)
        or _lacking(store, workers, dag, records)
    )


def _queued(dag: CompiledDAG, records: list[TaskRecord]) -> dict[str, str]:
    """Return the name of one queued task for each queue."""
    wanted: dict[str, str] = {}
    for task, record in enumerate(records):
        if record.state is TaskState.QUEUED:
            wanted.setdefault(dag.policy(task).queue, dag.graph.names[task])
    return wanted


def _unserved(workers: Sequence[WorkerInfo], dag: CompiledDAG, records: list[TaskRecord]) -> str:
    wanted = _queued(dag, records)
    served = {queue for worker in workers for queue in worker.queues}
    lacking = sorted(set(wanted) - served)
    if not lacking:
        return ""
    queue = lacking[0]
    more = f" (and {len(lacking) - 1} more queues)" if len(lacking) > 1 else ""
    return (
        f"No live worker serves queue {queue!r}{more}, in which task {wanted[queue]!r} waits: "
        f"start flowkit-worker --app … --queues {queue}."
    )


def _all_wait(workers: Sequence[WorkerInfo], dag: CompiledDAG, records: list[TaskRecord]) -> str:
    """Return a message if waiting tasks occupy every process that could run what they wait for."""
    free = {queue for worker in workers if not worker.all_wait for queue in worker.queues}
    for queue, task in _queued(dag, records).items():
        if queue not in free:
            return (
                f"Task {task!r} waits in queue {queue!r}, and every process that serves it "
                "executes a task that itself waits for a run: start flowkit-worker --app … "
                f"--queues {queue}, or cancel one of those runs."
            )
    stuck = {info.worker for info in workers if info.all_wait}
    for number, record in enumerate(records):
        if record.state is TaskState.RUNNING and worker_of(record.lane) in stuck:
            return (
                f"Task {dag.graph.names[number]!r} waits for a run, as every task on its worker "
                "does. If that run needs this worker, it never ends: start more workers, or submit "
                "such runs without waiting for them in a task."
            )
    return ""


def _lacking(
    store: ClientStore, workers: Sequence[WorkerInfo], dag: CompiledDAG, records: list[TaskRecord]
) -> str:
    """Return a message if no live worker of a queue has the function of a task that waits there."""
    wanted: dict[tuple[str, str], int] = {}
    for task, record in enumerate(records):
        if record.state in (TaskState.WAITING, TaskState.QUEUED):
            wanted.setdefault((dag.policy(task).queue, dag.ref(task)), task)
    for (queue, ref), task in list(wanted.items())[:MOST_FUNCTIONS]:
        serving = [info for info in workers if queue in info.queues]
        # Workers of a release without turns never claim attempts of a pinned run.
        apps = {app for info in serving if info.turns or not dag.pinned for app in info.apps}
        function = pinned_id(ref, dag.pinned) if dag.pinned else function_id(ref)
        if "" in apps or store.any_has(apps, function):
            continue
        if dag.pinned:
            return (
                f"Task {dag.graph.names[task]!r} waits: the run is pinned to version {dag.pinned} "
                f"of the code, and no live worker of queue {queue!r} has it with the function "
                f"{ref!r}; there are {live_versions(serving)}. Start a worker of version "
                f"{dag.pinned}, or cancel the run and submit it again."
            )
        return (
            f"Task {dag.graph.names[task]!r} waits: no live worker of queue {queue!r} has its "
            f"function {ref!r}; the versions of their apps are {live_versions(serving)}. "
            "Start a worker whose --app imports the module that defines it, in the version that "
            "was submitted."
        )
    return ""
