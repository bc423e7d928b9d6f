"""Reading the results and errors of one run. Results are verified if there is a signing key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..codec.packing import unpack
from ..codec.provenance import Provenance, result_purpose
from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import TASK_OVER, RunState, TaskState
from ..exceptions import FlowkitError, TaskExecutionError
from ..protocol.client_store import ClientStore
from ..protocol.records import ErrorInfo, TaskRecord


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
        packed = read_verified(store, self.provenance, self.run, done)
        names = self.dag.graph.names
        return {names[task]: self._value(data) for task, data in zip(done, packed, strict=True)}

    def one(self, store: ClientStore, task: int) -> object:
        """Return the result of a task that has succeeded; see ``RunHandle.result``."""
        data = next(read_verified(store, self.provenance, self.run, [task]))
        if data is None:
            refuse_dropped(store, self.run, self.dag, task)
        return self._value(data)

    def error(self, store: ClientStore, task: int) -> TaskExecutionError:
        """Return the error of a task that has failed."""
        packed = store.read_errors(self.run, [task])[0]
        attempt = store.read_records(self.run, [task])[0].attempt
        info = ErrorInfo.unpack(packed or b"")
        name = self.dag.task_name(task)
        return TaskExecutionError(
            name, info.type, info.message, info.traceback, run_id=self.run, attempt=attempt
        )

    def error_of_run(self, store: ClientStore, record: RunRecord) -> TaskExecutionError:
        """Return the error that made a run fail. Raises FlowkitError if it has not failed."""
        if record.state is not RunState.FAILED:
            raise FlowkitError(
                f"run {record.run!r} has not failed: it is {record.state.value}. Ask for its "
                "error when wait() has returned RunState.FAILED."
            )
        if record.failed_task is None:
            text = "the run was ended by the scheduler"
            return TaskExecutionError(record.dag_name, "RunFailed", text, run_id=record.run)
        return self.error(store, record.failed_task)

    def _value(self, data: bytes | None) -> object:
        return unpack(data, max_bytes=self.max_bytes, lenient=self.lenient) if data else None


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
    consumers = store.read_records(run, dag.graph.consumers(task))
    if all(record.state in TASK_OVER for record in consumers):
        name = dag.graph.names[task]
        raise FlowkitError(
            f"the result of task {name!r} of run {run!r} was dropped when all tasks that take it "
            "were over (keep_result=False). To make it again, resume the run from this task; to "
            "keep it, leave keep_result out and submit a new run"
        )
