"""How the runs of each DAG go: how many fail, how long they take, and which tasks take long.

Both reads are bounded. The newest runs are read, a hundred at a time. Durations of tasks come from
the records of ``SAMPLE`` tasks of a run at most, and as many items of each mapped task.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.spread import Spread, spread_of
from ..core.states import RunState, TaskState
from ..exceptions import RunDamaged, RunNotFound
from ..protocol.client_store import ClientStore
from ..protocol.listings import DamagedItem, Listing
from ..protocol.records import TaskRecord
from .run_shape import read_shape
from .shard import ShardConnection
from .shards import gather

MOST_RECENT = 30  # runs of a DAG that are returned themselves
SAMPLE = 2_000
MOST_TASKS = 100_000  # runs with more are left out: their graphs take 100 MB and more


@dataclass(frozen=True, slots=True)
class DAGActivity:
    """How the newest runs of the DAGs of one name went.

    ``runs``: how many were counted, and ``states`` how many of them are in each state. ``took``:
    seconds from submission to end of those that succeeded, None if none did. ``recent``: the newest
    of them, newest first.
    """

    dag_name: str
    runs: int
    states: dict[str, int]
    took: Spread | None
    recent: list[RunRecord] = field(repr=False)

    @property
    def failure_rate(self) -> float | None:
        """The part of the runs that failed of those that succeeded or failed, None without any."""
        failed, good = self.states.get("failed", 0), self.states.get("succeeded", 0)
        return failed / (failed + good) if failed + good else None


@dataclass(frozen=True, slots=True)
class TaskActivity:
    """How a task went in the newest runs of its DAG. Items of a mapped task count as its own.

    ``ended``: how many executions were counted, ``failed`` how many of them failed, ``retried`` how
    many needed more than one attempt. ``took``: seconds of the last attempt of those that
    succeeded.
    """

    task: str
    ended: int
    failed: int
    retried: int
    took: Spread | None
    mapped: bool = False


def read_dags(
    shards: Sequence[ShardConnection], limit: int, since: float | None
) -> Listing[DAGActivity]:
    """Return how the runs of each DAG go. See ``Client.dags``."""
    runs = gather(
        shards,
        lambda store: store.read_runs(limit + 1, since_ms=store.ms_before(since)),
        lambda run: run.submitted_ms,
        limit,
    )
    by_name: dict[str, list[RunRecord]] = {}
    for run in runs:
        by_name.setdefault(run.dag_name, []).append(run)
    listing: Listing[DAGActivity] = Listing(
        (_activity(name, of_name) for name, of_name in by_name.items()), runs.damaged
    )
    listing.cut_short = runs.cut_short or runs.more
    return listing


def _activity(name: str, runs: Sequence[RunRecord]) -> DAGActivity:
    states: dict[str, int] = {}
    for run in runs:
        states[run.state.value] = states.get(run.state.value, 0) + 1
    good = (run.duration for run in runs if run.state is RunState.SUCCEEDED)
    took = spread_of(length for length in good if length is not None)
    return DAGActivity(name, len(runs), states, took, list(runs[:MOST_RECENT]))


def read_task_activity(
    shards: Sequence[ShardConnection], dag: str, limit: int
) -> Listing[TaskActivity]:
    """Return how the tasks of a DAG go, the slowest first. See ``Client.task_activity``."""
    counted: dict[str, _Counted] = {}
    listing: Listing[TaskActivity] = Listing()
    for shard in shards:
        with shard.store() as store:
            runs = store.read_runs(limit, dag=dag)
        listing.damaged += runs.damaged
        listing.cut_short = listing.cut_short or runs.cut_short
        known: dict[str, CompiledDAG] = {}
        for run in runs:
            if run.graph_total > MOST_TASKS:
                listing.cut_short = True
                continue
            try:
                with shard.run_store(run.run) as store:
                    _count(store, run, known, counted)
            except RunNotFound:
                continue  # it has expired
            except (RunDamaged, MemoryError) as error:
                listing.damaged.append(DamagedItem(run.run, str(error)))
    listing += [count.activity() for count in counted.values()]
    listing.sort(key=lambda task: (-(task.took.p50 if task.took else 0.0), task.task))
    return listing


class _Counted:
    """What is known of one task so far."""

    def __init__(self, task: str, *, mapped: bool) -> None:
        self.task, self.mapped = task, mapped
        self.ended = self.failed = self.retried = 0
        self.took: list[float] = []

    def add(self, records: Iterable[TaskRecord]) -> None:
        for record in records:
            if record.state not in (TaskState.SUCCEEDED, TaskState.FAILED) or not record.attempt:
                continue
            self.ended += 1
            self.failed += record.state is TaskState.FAILED
            self.retried += record.attempt > 1
            if record.state is TaskState.SUCCEEDED and None not in (
                record.started_ms,
                record.ended_ms,
            ):
                self.took.append(((record.ended_ms or 0) - (record.started_ms or 0)) / 1000)

    def activity(self) -> TaskActivity:
        took = spread_of(self.took)
        return TaskActivity(self.task, self.ended, self.failed, self.retried, took, self.mapped)


def _count(
    store: ClientStore,
    run: RunRecord,
    known: dict[str, CompiledDAG],
    counted: dict[str, _Counted],
) -> None:
    """Add the tasks and items of one run, in samples."""
    if run.digest not in known:
        dag = store.read_graph(run.digest)
        if dag is None:
            raise RunNotFound(run.run, f"the graph of run {run.run!r} is gone")
        known.clear()  # runs of one version follow each other, and a graph may be large
        known[run.digest] = dag
    dag = known[run.digest]
    shape = read_shape(store, run.run, dag)
    tasks = range(0, len(dag.graph), max(1, len(dag.graph) // SAMPLE))
    wanted = {task: [task] for task in tasks if task not in dag.maps}
    for task in list(dag.maps)[:SAMPLE]:
        items = shape.items(task)
        wanted[task] = list(items[:: max(1, len(items) * len(dag.maps) // SAMPLE)])
    numbers = [number for of_task in wanted.values() for number in of_task]
    records = dict(zip(numbers, store.read_records(run.run, numbers), strict=True))
    for task, of_task in wanted.items():
        name = dag.graph.names[task]
        count = counted.get(name) or counted.setdefault(
            name, _Counted(name, mapped=task in dag.maps)
        )
        count.add(records[number] for number in of_task)
