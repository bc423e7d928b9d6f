"""The errors of runs and tasks that have failed, as exceptions."""

from __future__ import annotations

from ..core.compiled import CompiledDAG
from ..core.run_record import RunRecord
from ..core.states import TASK_OVER, RunState
from ..exceptions import FlowkitError, TaskExecutionError
from ..protocol.client_store import ClientStore
from ..protocol.records import ErrorInfo


def check_failed(record: RunRecord) -> None:
    """Raise FlowkitError for a run that has not failed."""
    if record.state is not RunState.FAILED:
        raise FlowkitError(
            f"run {record.run!r} has not failed: it is {record.state.value}. Ask for its "
            "error when wait() has returned RunState.FAILED."
        )


def error_of_scheduler(record: RunRecord) -> TaskExecutionError:
    """Return the error of a run that failed without a failed task."""
    return TaskExecutionError(
        record.dag_name, "RunFailed", "the run was ended by the scheduler", run_id=record.run
    )


def read_task_error(store: ClientStore, run: str, task: int, name: str) -> TaskExecutionError:
    """Return the error of a task that has failed."""
    packed = store.read_errors(run, [task])[0]
    attempt = store.read_records(run, [task])[0].attempt
    info = ErrorInfo.unpack(packed or b"")
    return TaskExecutionError(
        name, info.type, info.message, info.traceback, run_id=run, attempt=attempt
    )


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
