"""The error of a task whose child run did not succeed, here and on workers.

The message names the way down: ``DAG/task → DAG/task: ValueError: bad row``.
"""

from __future__ import annotations

import re

from ..exceptions import ChildRunFailed

_STEP, _SHOWN = " → ", 3  # steps at each end of a long way
_DEEPER = re.compile(r"run (\S+) failed: (.*)", re.DOTALL)


def child_failed(
    run_id: str, dag_name: str, task: str, error_type: str, error_message: str
) -> ChildRunFailed:
    """Return the error for a child run in which ``task`` has failed."""
    cause = f"{error_type}: {error_message}" if error_message else error_type
    way = f"{dag_name}/{task}: {cause}"
    if error_type == ChildRunFailed.__name__:
        deeper = _DEEPER.match(error_message)
        if deeper is not None:
            way = _shortened(f"{dag_name}/{task} → {deeper[2]}")
    return ChildRunFailed(run_id, f"run {run_id} failed: {way}")


def _shortened(way: str) -> str:
    """Leave out steps in the middle of a long way."""
    steps = way.split(_STEP)
    if len(steps) <= 2 * _SHOWN:
        return way
    return _STEP.join([*steps[:_SHOWN], "…", *steps[-_SHOWN:]])


def child_not_succeeded(run_id: str, dag_name: str, state: str) -> ChildRunFailed:
    """Return the error for a child run that has no failed task to name."""
    ways = {
        "cancelled": "was cancelled",
        "failed": "was ended by the scheduler, since its data cannot be read",
        "running": "was resumed, and is running again",
    }
    way = ways.get(state, f"is {state}")
    return ChildRunFailed(run_id, f"run {run_id} of DAG {dag_name!r} {way}")
