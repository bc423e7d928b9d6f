"""The states of tasks as a run keeps them: one byte for each task and item."""

from __future__ import annotations

from .states import TASK_OVER, TaskState

# DISPATCHED means queued, running or waiting, which only workers distinguish. A place in the array
# of states that belongs to no item is ABSENT.
PENDING, DISPATCHED, SUCCEEDED, SKIPPED, FAILED, BLOCKED, CANCELLED, ABSENT = range(8)
CODE = {
    TaskState.PENDING: PENDING,
    TaskState.QUEUED: DISPATCHED,
    TaskState.RUNNING: DISPATCHED,
    TaskState.WAITING: DISPATCHED,
    TaskState.SUCCEEDED: SUCCEEDED,
    TaskState.SKIPPED: SKIPPED,
    TaskState.FAILED: FAILED,
    TaskState.UPSTREAM_FAILED: BLOCKED,
    TaskState.CANCELLED: CANCELLED,
}
STATE = {code: state for state, code in CODE.items() if state in TASK_OVER}


def is_over(code: int) -> bool:
    """Return whether a task with this code is over."""
    return code > DISPATCHED
