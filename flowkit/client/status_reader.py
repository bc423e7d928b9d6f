"""Reading the complete state of a run, and of its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.compiled import CompiledDAG
from ..core.numbering import labelled
from ..core.run_record import RunRecord
from ..core.snapshot import AGAIN
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from ..protocol.blocked import Blocked
from ..protocol.client_store import ClientStore
from ..protocol.decoding import PART
from ..protocol.listings import Listing
from ..protocol.records import ErrorInfo, TaskRecord
from ..protocol.spent import Flag
from .run_shape import RunShape
from .run_tasks import RunTasks
from .run_versions import fields_of, versions_of, versions_of_lanes
from .status import RunStatus, TaskStatus

_TROUBLED = (TaskState.FAILED, TaskState.WAITING)


def read_status(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    tasks: RunTasks,
    waiting_for: str,
) -> RunStatus:
    """Return the state of a run and its tasks; read what their records do not say.

    ``waiting_for``: what keeps the run from proceeding, see ``explaining.py``.
    """
    by_lane = tasks.by_lane()
    known = store.read_versions(run.run, fields_of(by_lane.values()))
    versions = versions_of(known, dag, by_lane)
    memory = store.memory_of([run])
    return RunStatus(
        run_id=run.run,
        dag_name=run.dag_name,
        state=run.state,
        stopping=run.stopping,
        submitted=run.submitted_ms / 1000,
        finished=None if run.finished_ms is None else run.finished_ms / 1000,
        total=tasks.shape.total,
        counts=tasks.totals(),
        tasks=_tasks(store, run, tasks, versions.of_lane),
        waiting_for=waiting_for,
        graph=dag.graph,
        submitted_by=run.by,
        submitted_version=versions.submitted,
        pinned_version=dag.pinned,
        app_versions=list(versions.ran),
        mixed_versions=versions.mixed,
        memory=None if memory is None else memory[0],
    )


def _tasks(
    store: ClientStore, run: RunRecord, tasks: RunTasks, of_lane: Mapping[str, str]
) -> list[TaskStatus]:
    errors = _errors(store, run.run, tasks)
    progress = store.read_task_progress(run.run, dict(enumerate(tasks.records)))
    names, maps = tasks.shape.dag.graph.names, tasks.shape.dag.maps
    made: list[TaskStatus] = []
    for number, (name, record) in enumerate(zip(names, tasks.records, strict=True)):
        items = None
        if number in maps:
            counts = tasks.counts.get(number, {})
            items = {state.value: counts[state] for state in TaskState if state in counts}
        made.append(
            _status(
                run,
                name,
                record,
                errors.get(number),
                of_lane,
                progress.get(number),
                items=items,
                retried_items=tasks.retried.get(number, 0),
            )
        )
    return made


def _errors(store: ClientStore, run: str, tasks: RunTasks) -> dict[int, str]:
    """Return the errors of tasks. A mapped task has that of its first item that failed.

    A task that comes again has none: an error that is stored is of a retry before.
    """
    sources = {
        at: at
        for at, record in enumerate(tasks.records)
        if record.state in _TROUBLED and record.reason != AGAIN
    }
    for number, record in tasks.items.items():
        mapped = tasks.shape.dag.numbering.node(number)
        if record.state is TaskState.FAILED and sources.get(mapped, mapped) == mapped:
            sources[mapped] = number
    shape, numbers = tasks.shape, list(sources.values())
    packed, labels = store.read_errors(run, numbers), store.read_labels(run, shape.dag, numbers)
    errors: dict[int, str] = {}
    for (task, at), data, label in zip(sources.items(), packed, labels, strict=True):
        if data:
            text, name = str(ErrorInfo.unpack(data)), labelled(shape.dag.task_name(at), label)
            errors[task] = text if at == task else f"{name}: {text}"
    return errors


def _status(
    run: RunRecord,
    name: str,
    record: TaskRecord,
    error: str | None,
    of_lane: Mapping[str, str],
    progress: TaskProgress | None,
    *,
    label: str = "",
    items: Mapping[str, int] | None = None,
    retried_items: int = 0,
) -> TaskStatus:
    started, ended = record.started_ms, record.ended_ms
    length = None
    if started is not None and ended is not None and record.state is not TaskState.WAITING:
        length = (ended - started) / 1000
    return TaskStatus(
        name=name,
        state=record.state,
        attempt=record.attempt,
        worker=record.lane,
        started=None if started is None else (run.submitted_ms + started) / 1000,
        duration=length,
        error=error,
        cached=Flag.CACHED in record.spent.flags,
        app_version=of_lane.get(record.lane, ""),
        progress=progress,
        label=label,
        items=items,
        retried_items=retried_items,
        queued=None if record.queued_ms is None else (run.submitted_ms + record.queued_ms) / 1000,
    )


# -- items ----------------------------------------------------------------------------------------


def read_items(
    store: ClientStore,
    run: RunRecord,
    shape: RunShape,
    tasks: Sequence[int],
    states: frozenset[TaskState],
    limit: int,
    start: int = 0,
    *,
    retried: bool = False,
) -> Listing[TaskStatus]:
    """Return items of these mapped tasks in these states. See ``RunHandle.items``.

    Records are read in parts, until there are enough items.
    """
    listing: Listing[TaskStatus] = Listing()
    blocked = Blocked(run.run, shape.dag)
    for task in tasks:
        numbers = shape.items(task)[start:]
        for at in range(0, len(numbers), PART):
            part = numbers[at : at + PART]
            records = dict(zip(part, store.read_records(run.run, part), strict=True))
            least = 2 if retried else 0
            chosen = {
                at: item
                for at, item in records.items()
                if item.state in states and item.attempt >= least
            }
            room = limit - len(listing)
            if len(chosen) > room:
                listing.more = True
                chosen = dict(list(chosen.items())[:room])
            listing += _items(store, run, shape, chosen, blocked)
            if listing.more:
                return listing
    return listing


def read_statuses(
    store: ClientStore, run: RunRecord, shape: RunShape, numbers: Sequence[int]
) -> list[TaskStatus]:
    """Return the states of some tasks and items, without the items of mapped tasks."""
    records = dict(zip(numbers, store.read_records(run.run, numbers), strict=True))
    return _items(store, run, shape, records, Blocked(run.run, shape.dag))


def _items(
    store: ClientStore,
    run: RunRecord,
    shape: RunShape,
    records: Mapping[int, TaskRecord],
    blocked: Blocked,
) -> list[TaskStatus]:
    if not records:
        return []
    troubled = [number for number, record in records.items() if record.state in _TROUBLED]
    packed = store.read_errors(run.run, troubled) if troubled else []
    errors = {
        number: str(ErrorInfo.unpack(data))
        for number, data in zip(troubled, packed, strict=True)
        if data
    }
    not_run = [at for at, record in records.items() if record.state is TaskState.UPSTREAM_FAILED]
    errors |= blocked.why(store, not_run)
    numbers = list(records)
    labels = dict(zip(numbers, store.read_labels(run.run, shape.dag, numbers), strict=True))
    known = store.read_versions(run.run, fields_of(records.values()))
    of_lane = versions_of_lanes(known, records.values())
    progress = store.read_task_progress(run.run, records)
    return [
        _status(
            run,
            shape.dag.task_name(number),
            record,
            errors.get(number),
            of_lane,
            progress.get(number),
            label=labels.get(number, ""),
        )
        for number, record in records.items()
    ]
