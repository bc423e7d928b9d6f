"""A run that a task has called, as clients see it."""

from __future__ import annotations

from dataclasses import dataclass

from .states import RunState


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
