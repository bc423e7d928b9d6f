"""The complete state of a run: each task, and if the run does not proceed, the reason.

Reading it costs a round trip per thousand tasks; ``RunHandle.record`` is cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.compiled import CompiledDAG
from ..core.graph import Graph
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..core.worker_info import WorkerInfo
from ..drawing.marks import duration_text
from ..drawing.picture import Picture, as_dot, as_mermaid, as_text, marked
from ..protocol.app_functions import function_id, pinned_id
from ..protocol.client_store import ClientStore
from ..protocol.records import ErrorInfo, TaskRecord
from ..protocol.spent import Flag
from .no_leader import no_leader
from .run_versions import RunVersions, fields_of, live_versions, versions_of

MOST_FUNCTIONS = 100  # to look for, one round trip each


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The state of one task. Times are in seconds; None if the task has not got that far."""

    name: str
    state: TaskState
    attempt: int
    worker: str
    started: float | None
    duration: float | None
    error: str | None = None
    cached: bool = False  # it did not run: the result of an earlier run was reused
    app_version: str = ""  # of the code that its last attempt ran, "" if unknown


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a run. ``waiting_for``: what keeps it from proceeding, "" if nothing is known.

    ``submitted_version``: the version of the code that submitted it; ``pinned_version``: the one
    that it is kept to; ``app_versions``: those that its attempts ran; "" or empty if unknown.
    ``mixed_versions``: whether the same code ran in more than one version.

    ``memory``: bytes that it takes in Redis, without its graph, which other runs may share; large
    hashes are estimated. None if Redis does not tell. ``submitted`` and ``finished`` are seconds
    since 1970 by Redis' clock. ``graph`` is the graph of
    the run; without it, drawings have no edges.
    """

    run_id: str
    dag_name: str
    state: RunState
    stopping: bool
    submitted: float
    finished: float | None
    total: int
    counts: dict[str, int]
    tasks: list[TaskStatus] = field(default_factory=list)
    waiting_for: str = ""
    graph: Graph | None = field(default=None, repr=False, compare=False)
    submitted_version: str = ""
    pinned_version: str = ""
    app_versions: list[str] = field(default_factory=list)
    mixed_versions: bool = False
    memory: int | None = None

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.state is not RunState.RUNNING

    @property
    def duration(self) -> float | None:
        """Seconds from submission to the end, None until the run has ended."""
        return None if self.finished is None else self.finished - self.submitted

    def picture(self) -> Picture:
        """Return the tasks, the edges of the graph, and the state of each task."""
        names, graph = [task.name for task in self.tasks], self.graph
        edges = [] if graph is None else _edges(graph)
        return marked(self.dag_name, names, edges, self)

    def visualize(self) -> str:
        """Return the tasks with their states and neighbours, as text."""
        return as_text(self.picture())

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, coloured by state."""
        return as_mermaid(self.picture())

    def to_dot(self) -> str:
        """Return a graph for Graphviz, coloured by state."""
        return as_dot(self.picture())

    def to_svg(self, *, collapse: bool | None = None) -> str:
        """Return a standalone drawing. See ``DAG.to_svg``. Raises DAGError if it is too large."""
        from ..drawing.svg import as_svg

        return as_svg(self.picture(), collapse)

    def _repr_html_(self) -> str:
        from ..drawing.notebook import dag_html, safe_html

        return f"<p>{safe_html(_line(self))}</p>\n{dag_html(self.picture())}"


def _line(status: RunStatus) -> str:
    """Return the state of a run in one line."""
    counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in status.counts.items()]
    state = "stopping" if status.stopping else status.state.value
    length = "" if status.duration is None else f" after {duration_text(status.duration)}"
    tasks = f"{status.total:,} task{'' if status.total == 1 else 's'}"
    summary = f"Run {status.run_id} of DAG {status.dag_name}: {state}{length}; {tasks}"
    return f"{summary}: {', '.join(counts)}. {status.waiting_for}".rstrip()


def _edges(graph: Graph) -> list[tuple[int, int]]:
    return [(source, task) for task in range(len(graph)) for source in graph.upstream(task)]


def read_status(store: ClientStore, run: RunRecord, dag: CompiledDAG) -> RunStatus:
    """Read the state of a run and its tasks."""
    names = dag.graph.names
    records = store.read_records(run.run, range(len(names)))
    counts: dict[str, int] = {}
    for record in records:
        counts[record.state.value] = counts.get(record.state.value, 0) + 1
    known = store.read_versions(run.run, fields_of(records))
    versions = versions_of(known, dag, records)
    memory = store.memory_of([run])
    return RunStatus(
        run_id=run.run,
        dag_name=run.dag_name,
        state=run.state,
        stopping=run.stop is not None and run.state is RunState.RUNNING,
        submitted=run.submitted_ms / 1000,
        finished=None if run.finished_ms is None else run.finished_ms / 1000,
        total=run.total,
        counts=counts,
        tasks=_tasks(store, run, names, records, versions),
        waiting_for=_waiting_for(store, run, dag, records),
        graph=dag.graph,
        submitted_version=versions.submitted,
        pinned_version=dag.pinned,
        app_versions=list(versions.ran),
        mixed_versions=versions.mixed,
        memory=None if memory is None else memory[0],
    )


def _tasks(
    store: ClientStore,
    run: RunRecord,
    names: list[str],
    records: list[TaskRecord],
    versions: RunVersions,
) -> list[TaskStatus]:
    troubled = [
        at
        for at, record in enumerate(records)
        if record.state in (TaskState.FAILED, TaskState.WAITING)
    ]
    errors = dict(zip(troubled, store.read_errors(run.run, troubled), strict=True))
    tasks: list[TaskStatus] = []
    for number, (name, record) in enumerate(zip(names, records, strict=True)):
        started, ended = record.started_ms, record.ended_ms
        length = None
        if started is not None and ended is not None and record.state is not TaskState.WAITING:
            length = (ended - started) / 1000
        packed = errors.get(number)
        info = ErrorInfo.unpack(packed) if packed else None
        tasks.append(
            TaskStatus(
                name=name,
                state=record.state,
                attempt=record.attempt,
                worker=record.lane,
                started=None if started is None else (run.submitted_ms + started) / 1000,
                duration=length,
                error=f"{info.type}: {info.message}" if info else None,
                cached=Flag.CACHED in record.spent.flags,
                app_version=versions.of_lane.get(record.lane, ""),
            )
        )
    return tasks


def _waiting_for(
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
        if record.state is TaskState.RUNNING and record.lane.partition(".")[0] in stuck:
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
        apps = {info.functions for info in serving if info.turns or not dag.pinned}
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
