"""What ``dag.run`` raises when a run in this process has failed.

An ``Exception`` of a task is raised unchanged. Any other ``BaseException`` becomes the cause of a
TaskExecutionError: SystemExit would end the caller's program, with exit code 0 as if it had
succeeded, KeyboardInterrupt would look like the user's Ctrl-C, and CancelledError like a
cancellation of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..definition.call_plan import annotate
from ..exceptions import TaskExecutionError
from ..logging.output import described


def failure_of(
    run_id: str, dag_name: str, errors: Mapping[str, BaseException], failed: str
) -> Exception:
    """Return the exception to raise for a run with these errors, by task name.

    ``failed``: the task that made the run fail. A note names it and the other failed tasks.
    """
    error = _as_exception(errors[failed], failed, run_id)
    others = [name for name in errors if name != failed]
    note = f"Raised by task {failed!r} of DAG {dag_name!r}."
    if others:
        note += f" Also failed: {', '.join(map(repr, others[:10]))}."
    annotate(error, note)
    return error


def _as_exception(error: BaseException, task_name: str, run_id: str) -> Exception:
    if isinstance(error, Exception):
        return error
    failure = TaskExecutionError(task_name, *described(error), run_id=run_id)
    failure.__cause__ = error
    return failure
