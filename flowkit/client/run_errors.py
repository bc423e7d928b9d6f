"""The errors of runs and tasks that have failed, as exceptions."""

from __future__ import annotations

from ..core.run_record import RunRecord
from ..core.states import RunState
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
