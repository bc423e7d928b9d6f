"""Commands: what the resolver asks its shell to do, in the order given.

Each may be carried out twice, or in part and then again: after a crash the resolver is restored
from what was recorded and asks once more. A shell must therefore act only on tasks that are still
in the state a command speaks of. Commands name tasks by number and carry no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .states import RunState, TaskState


@dataclass(frozen=True, slots=True)
class QueueTasks:
    """Make these pending tasks claimable."""

    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class StopRun:
    """Note that the run is stopping, and how it will end. Comes before all that follows from it.

    A run that stops as failed may be cancelled while it does. ``failed``: as in ``FinishRun``.
    """

    outcome: RunState
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class MarkTasks:
    """Record that these pending tasks are over without having run."""

    state: TaskState
    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class StopTasks:
    """Cancel those of these dispatched tasks that do not run yet.

    The shell answers with ``tasks_over`` for those it cancelled; the others report by themselves.
    """

    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class FinishRun:
    """End the run. ``failed``: the first task that failed, None if none did."""

    outcome: RunState
    failed: int | None


Command = QueueTasks | StopRun | MarkTasks | StopTasks | FinishRun
