"""Commands: what the resolver asks its shell to do, in the given order.

A command may be executed twice, or partly and then again: after a crash, the resolver is restored
from the records and repeats its commands. A shell must therefore only change tasks that are still
in the state that the command expects. Commands name tasks and items by number and contain no
values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .map_spec import Problem
from .states import RunState, TaskState


@dataclass(frozen=True, slots=True)
class QueueTasks:
    """Make these pending tasks claimable."""

    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class StopRun:
    """Record that the run is stopping, and how it will end, before the consequences.

    A run that stops as failed may be cancelled meanwhile. ``failed``: as in ``FinishRun``.
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
    """Cancel the dispatched tasks among these that do not run yet.

    The shell calls ``tasks_over`` for the cancelled tasks; the others report their own end.
    """

    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class EndMap:
    """Record that this pending mapped task is over: all its items are, or it has none.

    ``length``: how many items it has, -1 if it has none because of a ``problem``.
    """

    task: int
    state: TaskState
    length: int
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class DropResults:
    """Delete the results of these tasks, which succeeded and whose consumers are all over."""

    tasks: Sequence[int]


@dataclass(frozen=True, slots=True)
class FinishRun:
    """End the run. ``failed``: the first task that failed, None if none did."""

    outcome: RunState
    failed: int | None


Command = QueueTasks | StopRun | MarkTasks | StopTasks | EndMap | DropResults | FinishRun
