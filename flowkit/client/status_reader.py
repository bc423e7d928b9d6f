"""Reading the complete state of a run."""

from __future__ import annotations

from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import TaskState
from ..protocol.client_store import ClientStore
from ..protocol.records import ErrorInfo, TaskRecord
from ..protocol.spent import Flag
from .run_versions import RunVersions, fields_of, versions_of
from .status import RunStatus, TaskStatus


def read_status(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    records: list[TaskRecord],
    waiting_for: str,
) -> RunStatus:
    """Return the state of a run and its tasks; read what their ``records`` do not say.

    ``waiting_for``: what keeps the run from proceeding, see ``explaining.py``.
    """
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
        stopping=run.stopping,
        submitted=run.submitted_ms / 1000,
        finished=None if run.finished_ms is None else run.finished_ms / 1000,
        total=run.total,
        counts=counts,
        tasks=_tasks(store, run, dag.graph.names, records, versions),
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
    progress = store.read_task_progress(run.run, dict(enumerate(records)))
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
                error=None if info is None else str(info),
                cached=Flag.CACHED in record.spent.flags,
                app_version=versions.of_lane.get(record.lane, ""),
                progress=progress.get(number),
            )
        )
    return tasks
