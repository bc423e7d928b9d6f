"""Reading the results and errors of one run. Results are verified if there is a signing key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from ..codec.packing import unpack
from ..codec.provenance import Provenance, result_purpose
from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import TASK_OVER, RunState, TaskState
from ..exceptions import FlowkitError, TaskExecutionError
from ..protocol.client_store import ClientStore
from ..protocol.decoding import PART
from ..protocol.records import ErrorInfo, TaskRecord
from .run_shape import read_shape


@dataclass(frozen=True, slots=True)
class ResultReader:
    """Reads results of a run. ``max_bytes``: of one value. ``lenient``: see
    ``RunHandle.results``."""

    run: str
    dag: CompiledDAG
    provenance: Provenance
    max_bytes: int
    lenient: bool

    def all(self, store: ClientStore, records: Sequence[TaskRecord]) -> dict[str, object]:
        """Return the results of the tasks that have succeeded; see ``RunHandle.results``."""
        left_out = self.dag.hooks() | set(self.dag.not_kept())
        done = [
            at
            for at, record in enumerate(records)
            if record.state is TaskState.SUCCEEDED and at not in left_out
        ]
        shape, maps = read_shape(store, self.run, self.dag, records), self.dag.maps
        numbers = done
        if maps:
            numbers = [
                at for task in done for at in (shape.items(task) if task in maps else [task])
            ]
        packed = read_verified(store, self.provenance, self.run, numbers)
        values = map(self._value, packed)
        names = self.dag.graph.names
        return {
            names[task]: list(islice(values, len(shape.items(task))))
            if task in maps
            else next(values)
            for task in done
        }

    def one(self, store: ClientStore, task: int) -> object:
        """Return the result of a task that has succeeded; see ``RunHandle.result``."""
        data = next(read_verified(store, self.provenance, self.run, [task]))
        if data is None:
            refuse_dropped(store, self.run, self.dag, task)
        return self._value(data)

    def list_of(self, store: ClientStore, mapped: int, items: range) -> list[object]:
        """Return the results of all items of a mapped task that has succeeded."""
        if items and not self.dag.policy(mapped).keep_result:
            refuse_dropped(store, self.run, self.dag, mapped)
        return list(self.of_items(store, items))

    def of_items(self, store: ClientStore, items: Sequence[int]) -> Iterator[object]:
        """Yield the results of items, None for each without one. They are read in parts."""
        return map(self._value, read_verified(store, self.provenance, self.run, items))

    def error(self, store: ClientStore, task: int) -> TaskExecutionError:
        """Return the error of a task or an item that has failed.

        A mapped task that could be mapped fails with its first item that failed.
        """
        packed = store.read_errors(self.run, [task])[0]
        if packed is None and task in self.dag.maps:
            task = next(failed_items(store, self.run, self.dag, task), task)
            packed = store.read_errors(self.run, [task])[0]
        attempt = store.read_records(self.run, [task])[0].attempt
        label = store.read_labels(self.run, self.dag, [task])[0]
        info = ErrorInfo.unpack(packed or b"")
        return TaskExecutionError(
            self.dag.task_name(task),
            info.type,
            info.message,
            info.traceback,
            run_id=self.run,
            attempt=attempt or None,  # a mapped task makes none
            label=label,
        )

    def error_of_run(self, store: ClientStore, record: RunRecord) -> TaskExecutionError:
        """Return the error that made a run fail. Raises FlowkitError if it has not failed."""
        if record.state is not RunState.FAILED:
            raise FlowkitError(
                f"run {record.run!r} has not failed: it is {record.state.value}. Ask for its "
                "error when wait() has returned RunState.FAILED."
            )
        if record.failed_task is None or not self.dag.is_valid(record.failed_task):
            text = "the run was ended by the scheduler"
            return TaskExecutionError(record.dag_name, "RunFailed", text, run_id=record.run)
        return self.error(store, record.failed_task)

    def _value(self, data: bytes | None) -> object:
        return unpack(data, max_bytes=self.max_bytes, lenient=self.lenient) if data else None


def failed_items(store: ClientStore, run: str, dag: CompiledDAG, mapped: int) -> Iterator[int]:
    """Yield the items of a mapped task that have failed for good, in their order."""
    items = read_shape(store, run, dag).items(mapped)
    for at in range(0, len(items), PART):
        part = items[at : at + PART]
        for number, record in zip(part, store.read_records(run, part), strict=True):
            if record.state is TaskState.FAILED:
                yield number


def read_verified(
    store: ClientStore, provenance: Provenance, run: str, tasks: Sequence[int]
) -> Iterator[bytes | None]:
    """Yield the packed results of these tasks, None where there is none.

    Raises UntrustedValue for a result that was not signed with this key, RunLost, RunNotFound.
    """
    results = store.read_results(run, tasks)
    if not provenance:
        yield from results
        return
    record = store.read_run(run)
    about = store.keys.namespace, run, str(record.submitted_ms), record.digest
    for task, stored in zip(tasks, results, strict=True):
        what = f"the result of task {task} of run {run}"
        yield provenance.open(stored, result_purpose(*about, task), what) if stored else stored


def refuse_dropped(store: ClientStore, run: str, dag: CompiledDAG, task: int) -> None:
    """Raise FlowkitError if the result of a task was dropped; else, its result is None.

    The caller has found no result of this task, which has succeeded. A result is dropped only when
    all consumers are over. So, if one of them is not, the result was not dropped before that.
    """
    if dag.policy(task).keep_result:
        return
    consumers = store.read_records(run, dag.graph.consumers(dag.numbering.node(task)))
    if all(record.state in TASK_OVER for record in consumers):
        name = dag.task_name(task)
        raise FlowkitError(
            f"the result of task {name!r} of run {run!r} was dropped when all tasks that take it "
            "were over (keep_result=False). To make it again, resume the run from this task; to "
            "keep it, leave keep_result out and submit a new run"
        )
