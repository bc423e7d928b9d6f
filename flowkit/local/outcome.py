"""How attempts in this process end. Plain values only."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.states import TaskState

Key = tuple[int, int]  # task number, attempt number


class LocalOutcome(NamedTuple):
    """How an attempt ended, or that it has begun.

    ``state`` and ``value``: SUCCEEDED with the result, FAILED for good with the exception, WAITING
    for a retry with the exception or to come again with the ``Again``, SKIPPED with the reason,
    CANCELLED, RUNNING with the deadline (monotonic seconds), or QUEUED with the calls of runs,
    which the task waits for. ``duration``: seconds.
    """

    task: int
    attempt: int
    state: TaskState
    value: Any = None
    duration: float = 0.0
