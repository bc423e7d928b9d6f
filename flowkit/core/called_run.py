"""A run that a task has called, as clients see it, and the limits of calls."""

from __future__ import annotations

from dataclasses import dataclass

from .states import RunState

MOST_CALLS = 1000  # in one result
MOST_DEPTH = 100  # of runs that have called each other


@dataclass(frozen=True, slots=True)
class CalledRun:
    """A run that a task has called. ``state``: None if the run is gone.

    ``task``, ``attempt``: the attempt that has called it.
    """

    run_id: str
    dag_name: str
    state: RunState | None
    task: str
    attempt: int
