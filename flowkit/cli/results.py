"""The outcome of a run: for display, and as one JSON document."""

from __future__ import annotations

import shutil
import sys

from ..basics.counted import counted
from ..client.documents.document import ErrorDocument
from ..client.documents.runs import RunEnd
from ..client.run_handle import RunHandle
from ..codec.describe import describe
from ..codec.packing import BrokenValue
from ..core.run_record import RunRecord
from ..core.states import RunState, TaskState
from ..exceptions import FlowkitError, StoreError, TaskExecutionError, UntrustedValue, WaitTimeout
from .display import Display, summary
from .output import fail, note, print_table, say_indented, seconds
from .print_json import print_document

MOST_TASKS = 25
MOST_ITEMS = 21  # of a mapped task, whose results are read for its row: one more than is shown
WIDTH = 100
LEAST_WIDTH = 40
HINT_UNTRUSTED = (
    "Resuming this run would fail in the same way. Give all clients and workers the same signing "
    "key, and submit the run again under another id."
)


def headline(record: RunRecord) -> str:
    """Return the state of the run in one sentence."""
    length = record.duration
    after = f" after {seconds(length)}" if length is not None else ""
    verb = "is running" if record.state is RunState.RUNNING else record.state.value
    if record.state is RunState.CANCELLED:
        verb = "was cancelled"
    states = summary(record.counts)
    tasks = counted(record.total, "task")
    return f"Run {record.run} of DAG {record.dag_name!r} {verb}{after} ({tasks}{states})."


def show_end(handle: RunHandle, record: RunRecord, *, hint: str) -> None:
    """Print the outcome of a run that is over. ``hint``: what to do about a failed one."""
    if record.state is RunState.SUCCEEDED:
        show_results(handle)
    elif record.state is RunState.FAILED:
        error = handle.error()
        show_error(error)
        note(f"\n{hint_after(error.error_type, hint)}")
    else:
        fail(f"Run {record.run} was cancelled.")
        note(hint)


def hint_after(error_type: str, hint: str) -> str:
    """Return ``hint``, or the remedy for a task that would fail again because of the same value."""
    return HINT_UNTRUSTED if error_type == UntrustedValue.__name__ else hint


def show_error(error: TaskExecutionError) -> None:
    """Print the failure of a task, then the traceback from the worker."""
    fail(str(error.args[0]))
    if error.remote_traceback:
        note("")
        say_indented(error.remote_traceback.rstrip(), err=True)


def show_results(handle: RunHandle) -> None:
    """Print results, one line per task. For a large DAG, print those that no task gets."""
    graph = handle.graph().graph
    if len(graph) <= MOST_TASKS:
        print_rows(handle, graph.order())
        return
    leaves = [task for task in range(len(graph)) if not graph.has_consumers(task)]
    shown = leaves[:MOST_TASKS]
    print_rows(handle, shown)
    note(
        f"… and {counted(len(graph) - len(shown), 'more task')}. Only results that no other task "
        "gets are shown; --json shows all."
    )


def print_rows(handle: RunHandle, tasks: list[int]) -> None:
    """Print one line for each task number in ``tasks``: its result, or why it has none."""
    dag = handle.graph()
    names, dropped, mapped = dag.graph.names, set(dag.not_kept()), dag.maps
    with handle.shard.run_store(handle.run_id) as store:
        records = store.read_records(handle.run_id, tasks)
    rows, width = [], _width([names[task] for task in tasks])
    for task, record in zip(tasks, records, strict=True):
        if record.state is not TaskState.SUCCEEDED:
            shown = f"({record.state.value.replace('_', ' ')})"
        elif task in dropped:  # now, or as soon as no task needs it
            shown = "(not kept)"
        else:
            shown = _shown_result(handle, names[task], width, is_mapped=task in mapped)
        rows.append([names[task], shown])
    print_table(["TASK", "RESULT"], rows)


def _shown_result(handle: RunHandle, task: str, width: int, *, is_mapped: bool) -> str:
    """Return a result for its row. A result that cannot be read must not hide the others."""
    try:
        if is_mapped:
            return _shown_items(handle, task, width)
        return describe(result_of(handle, task), width)
    except StoreError as error:
        return f"(damaged: {error})"


def _shown_items(handle: RunHandle, task: str, width: int) -> str:
    """Return the first results of a mapped task, without reading all of them."""
    results = handle.mapped(task, lenient=True)
    total = counted(len(results), "item")
    try:
        return f"{total}: {describe(results[:MOST_ITEMS], width - len(total) - 2)}"
    except BrokenValue as error:
        raise StoreError(f"a result of task {task!r} cannot be read: {error}") from None


def result_of(handle: RunHandle, task: str) -> object:
    """Return the result of one task.

    Raises StoreError if it cannot be read, and what ``RunHandle.result`` raises.
    """
    try:
        return handle.result(task, lenient=True)
    except BrokenValue as error:
        raise StoreError(
            f"the result of task {task!r} of run {handle.run_id!r} cannot be read: {error}"
        ) from None


def results_of(handle: RunHandle) -> dict[str, object]:
    """Return the results so far.

    Raises StoreError if one cannot be read, and what ``RunHandle.results`` raises.
    """
    try:
        return handle.results(lenient=True)
    except BrokenValue as error:
        raise StoreError(
            f"a result of run {handle.run_id!r} cannot be read: {error} "
            f"To see which one: flowkit result {handle.run_id}"
        ) from None


def _width(names: list[str]) -> int:
    """Return the maximum width of a result, so that a row fits on one line of the terminal."""
    if not sys.stdout.isatty():
        return WIDTH
    columns = shutil.get_terminal_size().columns
    return max(LEAST_WIDTH, min(WIDTH, columns - max(map(len, names), default=0) - 2))


def document(handle: RunHandle, record: RunRecord, error: FlowkitError | None = None) -> RunEnd:
    """Return the run for ``--json``. ``error``: why the wait for it ended early."""
    shown = handle.error() if error is None and record.state is RunState.FAILED else error
    return RunEnd(
        run_id=record.run,
        dag=record.dag_name,
        state=record.state.value,
        duration=record.duration,
        counts=record.counts,
        results=results_of(handle),
        error=None if shown is None else error_document(shown),
    )


def error_document(error: FlowkitError) -> ErrorDocument:
    """Return an error for ``--json``. For a failed task: the type and message of its exception."""
    if isinstance(error, TaskExecutionError):
        return ErrorDocument(
            type=error.error_type,
            message=error.error_message,
            task=error.task_name,
            attempt=error.attempt,
            traceback=error.remote_traceback,
        )
    return ErrorDocument(type=type(error).__name__, message=str(error))


def finish(
    handle: RunHandle, record: RunRecord, display: Display, *, as_json: bool, hint: str
) -> None:
    """Print the end of a run after a wait. ``hint``: what to do about a failed one."""
    display.note(headline(record))
    if as_json:
        print_document(document(handle, record))
        if record.state is RunState.FAILED:
            fail(str(handle.error().args[0]))
    else:
        show_end(handle, record, hint=hint)


def give_up(handle: RunHandle, error: WaitTimeout, fate: str, *, as_json: bool) -> None:
    """Print that the wait for a run ended early. ``fate``: what happens to the run."""
    if as_json:
        print_document(document(handle, handle.record(), error))
    fail(f"{error} {fate}")
