"""Putting together what happened to a run: its history, its records, and the terms of schedulers.

It costs a round trip per thousand tasks and per hundred entries of the history. Data of an entry
that cannot be read is left out; see ``history_reads``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..core.compiled import CompiledDAG
from ..core.lanes import worker_of
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..protocol.client_store import ClientStore
from ..protocol.history_reads import ReplacedAttempt, RunEntry
from ..protocol.records import ErrorInfo, TaskRecord
from ..protocol.spent import Flag
from .families import calling_task
from .history import HistoryEvent, HistoryKind
from .run_tasks import read_tasks
from .run_versions import fields_of, versions_of_lanes

# Which comes first, of two events at the same time.
_ORDER = [
    HistoryKind.CUT,
    HistoryKind.SUBMITTED,
    HistoryKind.RESUMED,
    HistoryKind.HASTENED,
    HistoryKind.TAKEN_OVER,
    HistoryKind.ATTEMPT,
    HistoryKind.STOPPING,
    HistoryKind.CANCELLED,
    HistoryKind.NOT_RUN,
    HistoryKind.MAPPED,
    HistoryKind.ENDED,
]
_RUN_VERBS = {
    "cancel": HistoryKind.CANCELLED,
    "resume": HistoryKind.RESUMED,
    "hasten": HistoryKind.HASTENED,
    "finish": HistoryKind.ENDED,
    "stop": HistoryKind.STOPPING,
}


def read_history(
    store: ClientStore,
    run: RunRecord,
    dag: CompiledDAG,
    task: int | None = None,
    since: float | None = None,
) -> list[HistoryEvent]:
    """Return what happened to a run and to its tasks, oldest first.

    ``task``: only to this one; of a mapped task, to all its items. Without it, the items of a
    mapped task are one event, beside those that run, or failed, or had several attempts.
    ``since``: seconds; only what happened within this time.
    """
    since_ms = store.ms_before(since) or 0
    entries = list(store.read_history(run.run, run.submitted_ms))
    tasks = read_tasks(store, run.run, dag) if task is None or task in dag.maps else None
    if task is None:
        records = {} if tasks is None else dict(tasks.known())
    else:
        numbers = [task] if tasks is None else tasks.shape.whole(task)
        records = dict(zip(numbers, store.read_records(run.run, numbers), strict=True))
    replaced = [
        entry
        for entry in entries
        if isinstance(entry, ReplacedAttempt)
        and (entry.task in records or (task is None and dag.is_valid(entry.task)))
    ]
    counts = {} if tasks is None else tasks.counts
    maker = _EventMaker(store, run, dag, records, replaced, counts)
    events = [*maker.of_run(entries), *maker.of_attempts(), *maker.of_records()]
    recent = [event for event in events if event.at * 1000 >= since_ms]
    return sorted(recent, key=lambda event: (event.at, _ORDER.index(event.what)))


class _EventMaker:
    """Makes events of what was read of a run."""

    def __init__(
        self,
        store: ClientStore,
        run: RunRecord,
        dag: CompiledDAG,
        records: dict[int, TaskRecord],
        replaced: Sequence[ReplacedAttempt],
        counts: Mapping[int, Mapping[TaskState, int]],
    ) -> None:
        self._store, self._run, self._dag, self._counts = store, run, dag, counts
        self._records, self._replaced = records, replaced
        lanes = [*records.values(), *(entry.record for entry in replaced)]
        known = store.read_versions(run.run, fields_of(lanes))
        self._versions = versions_of_lanes(known, lanes)
        failed = [task for task, record in records.items() if record.state is TaskState.FAILED]
        self._errors = dict(zip(failed, store.read_errors(run.run, failed), strict=True))
        failed_first = run.failed_task
        named = [] if failed_first is None or not dag.is_valid(failed_first) else [failed_first]
        shown = list(dict.fromkeys([*records, *(entry.task for entry in replaced), *named]))
        self._labels = dict(zip(shown, store.read_labels(run.run, dag, shown), strict=True))

    def of_run(self, entries: Sequence[ReplacedAttempt | RunEntry]) -> Iterator[HistoryEvent]:
        """Yield what happened to the run as a whole."""
        run = self._run
        start = run.submitted_ms / 1000
        if self._store.is_history_cut(run.run):
            yield HistoryEvent(start, HistoryKind.CUT)
        yield self._submitted(start)
        for entry in entries:
            if isinstance(entry, RunEntry):
                yield self._of_entry(entry)
        if run.finished_ms is not None and run.state is not RunState.RUNNING:
            yield HistoryEvent(
                run.finished_ms / 1000,
                HistoryKind.ENDED,
                task=self._name(run.failed_task),
                outcome=run.state.value,
                label=self._label(run.failed_task),
            )
        for term in self._store.read_terms(run.submitted_ms):
            if run.finished_ms is None or term.at_ms <= run.finished_ms:
                yield HistoryEvent(term.at_ms / 1000, HistoryKind.TAKEN_OVER, term.scheduler)

    def _submitted(self, at: float) -> HistoryEvent:
        event, parent = HistoryEvent(at, HistoryKind.SUBMITTED, self._run.by), self._run.parent
        if parent is None:
            return event
        task = calling_task(self._store, parent)
        return replace(event, parent_run=parent.run, parent_task=task, attempt=parent.attempt)

    def _of_entry(self, entry: RunEntry) -> HistoryEvent:
        names = [name for task in entry.tasks if (name := self._name(task)) is not None]
        names_tasks = entry.verb in ("resume", "hasten")
        about = None if names_tasks or not entry.tasks else entry.tasks[0]
        return HistoryEvent(
            entry.at_ms / 1000,
            _RUN_VERBS[entry.verb],
            entry.by,
            task=names[0] if names and not names_tasks else None,
            outcome="" if entry.state is None else entry.state.value,
            tasks=names if names_tasks else [],
            label=self._label(about),
        )

    def of_attempts(self) -> Iterator[HistoryEvent]:
        """Yield the attempts that others replaced."""
        for entry in self._replaced:
            record, outcome = entry.record, entry.verb
            due = None
            if outcome == "rerun":
                outcome = _outcome(record)
            if record.state is TaskState.WAITING:
                due, ended = record.ended_ms, record.since_ms
            else:
                ended = record.ended_ms
            error = _error(entry.error)
            yield self._attempt(
                entry.task, record, outcome, ended, due, error, rerun=entry.verb == "rerun"
            )

    def of_records(self) -> Iterator[HistoryEvent]:
        """Yield the last attempt of each task, and the ends of those that did not run."""
        for task, record in self._records.items():
            if record.state in (TaskState.PENDING, TaskState.QUEUED):
                continue  # its last attempt, if any, is among the replaced ones
            if record.state is TaskState.WAITING and record.since_ms is not None:
                continue  # and so it is; a worker of an older release writes no history
            error = _error(self._errors.get(task))
            if task in self._dag.maps and (record.items is not None or error is not None):
                yield self._mapped(task, record, error)
            elif not record.lane and record.started_ms is None:
                yield self._not_run(task, record, error)
            else:
                yield self._attempt(task, record, _outcome(record), record.ended_ms, None, error)

    def _attempt(
        self,
        task: int,
        record: TaskRecord,
        outcome: str,
        ended: int | None,
        due: int | None,
        error: ErrorInfo | None,
        *,
        rerun: bool = False,
    ) -> HistoryEvent:
        started = self._time(record.started_ms)
        end = self._time(ended)
        at = end if end is not None else started
        return HistoryEvent(
            self._run.submitted_ms / 1000 if at is None else at,
            HistoryKind.ATTEMPT,
            task=self._name(task),
            attempt=record.attempt,
            outcome=outcome,
            worker=record.lane and worker_of(record.lane),
            app_version=self._versions.get(record.lane, ""),
            queued=self._time(record.queued_ms),
            started=started,
            ended=end,
            due=self._time(due),
            error=None if error is None else str(error),
            traceback=error.traceback if error else "",
            rerun=rerun,
            label=self._label(task),
        )

    def _mapped(self, task: int, record: TaskRecord, error: ErrorInfo | None) -> HistoryEvent:
        counts = self._counts.get(task, {})
        event = self._not_run(task, record, error)
        items = {state.value: counts[state] for state in TaskState if state in counts}
        return replace(event, what=HistoryKind.MAPPED, items=items)

    def _not_run(self, task: int, record: TaskRecord, error: ErrorInfo | None) -> HistoryEvent:
        # A release before this one did not record the time.
        ended = self._time(record.ended_ms) or (self._run.finished_ms or 0) / 1000
        at = ended or self._run.submitted_ms / 1000
        return HistoryEvent(
            at,
            HistoryKind.NOT_RUN,
            task=self._name(task),
            outcome=record.state.value,
            ended=at,
            error=None if error is None else str(error),
            label=self._label(task),
        )

    def _time(self, ms: int | None) -> float | None:
        return None if ms is None else (self._run.submitted_ms + ms) / 1000

    def _label(self, task: int | None) -> str:
        return "" if task is None else self._labels.get(task, "")

    def _name(self, task: int | None) -> str | None:
        return self._dag.task_name(task) if task is not None and self._dag.is_valid(task) else None


def _error(packed: bytes | None) -> ErrorInfo | None:
    return ErrorInfo.unpack(packed) if packed else None


def _outcome(record: TaskRecord) -> str:
    return "cached" if Flag.CACHED in record.spent.flags else record.state.value
