"""Reading a snapshot of a run: all that can hold it up, see ``core/snapshot.py``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..basics.shorten import shorten
from ..core.compiled import CompiledDAG
from ..core.lanes import worker_of
from ..core.run_record import RunRecord
from ..core.snapshot import CHILDREN, LaneView, LiveWorker, QueueDepth, Snapshot, TaskView
from ..core.states import RunState, TaskState
from ..core.task_progress import TaskProgress
from ..core.worker_info import WorkerInfo
from ..exceptions import RunNotFound
from ..protocol.app_functions import function_id, pinned_id
from ..protocol.client_store import ClientStore
from ..protocol.decoding import CorruptData
from ..protocol.graph_file import Allowance
from ..protocol.keys import ASYNC_LANE
from ..protocol.records import ErrorInfo, TaskRecord
from ..protocol.spent import Flag
from .run_tasks import RunTasks

MOST_FUNCTIONS = 1000  # of queued tasks, that are looked for in each app
MOST_ERROR = 1000  # characters of an error
# Of another run that occupies a lane: larger ones are not read for the name of a task.
MOST_TASKS_NAMED, MOST_NAME_BYTES = 10_000, 4 * 1024 * 1024
MOST_ERRORS = 50  # of waiting tasks, and of failed ones
MOST_LABELS = 1000  # of items


def read_snapshot(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    tasks: RunTasks,
    *,
    asks_redis: bool = False,
    asked: Collection[int] = (),
    hide: Callable[[str], str] = str,
) -> Snapshot:
    """Return a snapshot of an unfinished or finished run.

    ``asks_redis``: try a write that changes nothing, and read what running tasks report.
    ``asked``: whose errors are read in any case. ``hide``: hides secrets in errors before these are
    cut.
    """
    snapshot = _read_tasks(store, run, dag, tasks, asked, asks_redis, hide)
    if run.state is not RunState.RUNNING:
        return snapshot
    views, infos = snapshot.tasks, store.alive_workers()
    queued = [task for task, item in views.items() if item.state is TaskState.QUEUED]
    queues = {dag.policy(task).queue for task in queued}
    return replace(
        snapshot,
        children=_open_children(store, run.run, views),
        lease_left_ms=store.lease_left_ms(),
        lag=store.read_lag(),
        refuses=store.read_refusal() if asks_redis else "",
        workers=_live_workers(store, infos, queues, run.run, dag),
        expired=_expired(store, infos, views.values(), snapshot.now_ms),
        depths=_depths(store, dag, queued) if queued else None,
        has=_functions(store, dag, infos, views),
        rates=_rates(infos),
    )


def _read_tasks(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    tasks: RunTasks,
    asked: Collection[int],
    with_reports: bool,
    hide: Callable[[str], str] = str,
) -> Snapshot:
    """Return what a snapshot says of the run and its tasks alone."""
    views = _views(store, run.run, tasks, with_reports=with_reports)
    errors, now_ms = _errors(store, run.run, views, asked, hide), store.redis_now_ms()
    cancelled = RunState.CANCELLED in (run.stop, run.state)
    by = store.read_canceller(run.run) if cancelled else ""
    lengths = tasks.shape.lengths
    labels = _labels(store, run.run, dag, [*asked, *views])
    return Snapshot(
        run,
        dag,
        tasks.states,
        views,
        now_ms,
        errors=errors,
        cancelled_by=by,
        lengths=lengths,
        labels=labels,
    )


def _labels(
    store: ClientStore, run: str, dag: CompiledDAG, tasks: Iterable[int]
) -> Mapping[int, str]:
    """Return the labels of items among these tasks, of the first ones if they are many."""
    items = [task for task in dict.fromkeys(tasks) if task >= len(dag.graph)][:MOST_LABELS]
    return dict(zip(items, store.read_labels(run, dag, items), strict=True))


def _open_children(
    store: ClientStore, run: str, views: Mapping[int, TaskView]
) -> dict[int, tuple[str, int]]:
    """Return, for tasks that wait for runs, one that is not over, and how many are not."""
    waiting = [task for task, item in views.items() if item.reason == CHILDREN]
    return {} if not waiting else store.read_open_calls(run, waiting[:MOST_ERRORS])


def _views(
    store: ClientStore, run: str, tasks: RunTasks, *, with_reports: bool
) -> dict[int, TaskView]:
    begun = {
        task: record for task, record in tasks.known() if record.state is not TaskState.PENDING
    }
    reports = store.read_task_progress(run, begun) if with_reports else {}
    return {task: _view(record, reports.get(task)) for task, record in begun.items()}


def _view(record: TaskRecord, progress: TaskProgress | None) -> TaskView:
    return TaskView(
        record.state,
        record.attempt,
        record.lane,
        record.started_ms,
        record.ended_ms,
        record.queued_ms,
        record.since_ms,
        record.reason,
        failures=max(0, record.spent.failures(record.attempt)),
        suspect=Flag.SUSPECT in record.spent.flags,
        continues=Flag.CONTINUES in record.spent.flags,
        cached=Flag.CACHED in record.spent.flags,
        progress=" ".join(str(progress or "").split()),
    )


def _errors(
    store: ClientStore,
    run: str,
    views: Mapping[int, TaskView],
    tasks: Iterable[int],
    hide: Callable[[str], str],
) -> dict[int, str]:
    """Return the last errors of these tasks, of the first that wait and the first that failed."""
    waiting = [task for task, item in views.items() if item.state is TaskState.WAITING]
    failed = [task for task, item in views.items() if item.state is TaskState.FAILED]
    failed.sort(key=lambda task: views[task].due_ms or 0)
    wanted = sorted({*tasks, *waiting[:MOST_ERRORS], *failed[:MOST_ERRORS]})
    errors: dict[int, str] = {}
    for task, packed in zip(wanted, store.read_errors(run, wanted), strict=True):
        if packed:
            errors[task] = _in_one_line(ErrorInfo.unpack(packed), hide)
    return errors


def _in_one_line(error: ErrorInfo, hide: Callable[[str], str]) -> str:
    text = f"{error.type}: {error.message}" if error.message else error.type
    return shorten(" ".join(hide(text).split()), MOST_ERROR)


def _live_workers(
    store: ClientStore,
    infos: Sequence[WorkerInfo],
    queues: Collection[str],
    mine: str,
    dag: CompiledDAG,
) -> tuple[LiveWorker, ...]:
    """Return the live workers, with the lanes of those that serve queued tasks.

    ``mine``: the run that is explained, of this DAG.
    """
    serving = [info.worker for info in infos if any(queue in queues for queue in info.queues)]
    by_worker = store.lanes_of(serving) if serving else {}
    some = [item for lanes in by_worker.values() for lane in lanes for item in lane.some]
    other = next((run for run, _ in some if run != mine), None)
    theirs = [] if other is None else _names_of(store, other)

    def name(run: str, task: int) -> str:
        if run == mine and dag.is_valid(task):
            return repr(dag.task_name(task))
        return repr(theirs[task]) if run == other and task < len(theirs) else f"number {task}"

    def shown(some: Iterable[tuple[str, int]]) -> tuple[str, ...]:
        return tuple(f"task {name(run, task)} of run {run}" for run, task in some)

    views = {
        worker: tuple(LaneView(lane.lane, lane.held, shown(lane.some)) for lane in lanes)
        for worker, lanes in by_worker.items()
    }
    return tuple(LiveWorker(info, views.get(info.worker)) for info in infos)


def _names_of(store: ClientStore, run: str) -> list[str]:
    """Return the names of the tasks of another run, none if it is large or cannot be read."""
    try:
        record = store.read_run(run)
        if record.total > MOST_TASKS_NAMED:
            return []
        return store.read_task_names(record.digest, Allowance(MOST_NAME_BYTES))
    except (CorruptData, RunNotFound):
        return []


def _expired(
    store: ClientStore, infos: Sequence[WorkerInfo], views: Iterable[TaskView], now_ms: int
) -> dict[str, int]:
    """Return when leases expired, if a task is running on a worker without a valid one."""
    alive = {info.worker for info in infos}
    running = {worker_of(item.lane) for item in views if item.state is TaskState.RUNNING}
    return store.expired_leases(now_ms) if running - alive else {}


def _depths(store: ClientStore, dag: CompiledDAG, queued: Sequence[int]) -> list[QueueDepth]:
    """Return the depths of the lists that queued tasks may be in."""
    refs = {_function(dag, ref): ref for ref in _refs(dag, queued)}
    queues = {dag.policy(task).queue for task in queued}
    depths = []
    for name, level, depth in store.list_depths():
        base, mark, function = name.partition("@")
        queue = base.removesuffix(ASYNC_LANE)
        if queue in queues and (not mark or function in refs):
            ref = refs[function] if mark else None
            depths.append(QueueDepth(queue, base.endswith(ASYNC_LANE), level, ref, depth))
    return depths


def _refs(dag: CompiledDAG, tasks: Iterable[int]) -> set[int]:
    """Return the functions that tasks and items call, by their numbers in the DAG."""
    return {dag.ref_of[node] for node in {dag.numbering.node(task) for task in tasks}}


def _function(dag: CompiledDAG, ref: int) -> str:
    """Return the id of a function of the DAG, in the version that the run is pinned to."""
    name = dag.refs[ref]
    return pinned_id(name, dag.pinned) if dag.pinned else function_id(name)


def _functions(
    store: ClientStore,
    dag: CompiledDAG,
    infos: Sequence[WorkerInfo],
    views: Mapping[int, TaskView],
) -> dict[tuple[str, int], bool]:
    """Return which apps of live workers have the functions of the tasks that wait for them."""
    waiting = (TaskState.QUEUED, TaskState.WAITING)
    refs = sorted(_refs(dag, [task for task, item in views.items() if item.state in waiting]))
    apps = {app for info in infos for app in info.apps if app}
    asked = {(app, _function(dag, ref)) for app in apps for ref in refs[:MOST_FUNCTIONS]}
    have = store.which_have(asked) if asked else set()
    return {
        (app, ref): (app, _function(dag, ref)) in have
        for app in apps
        for ref in refs[:MOST_FUNCTIONS]
    }


def _rates(infos: Sequence[WorkerInfo]) -> dict[str, float]:
    """Return how many attempts end in each queue per second, as far as workers report it."""
    rates: dict[str, float] = {}
    for info in infos:
        for rate in info.rates or ():
            rates[rate.queue] = rates.get(rate.queue, 0.0) + rate.per_minute / 60
    return rates
