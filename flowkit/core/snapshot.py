"""A snapshot of all that can hold a run up, as a value: what ``explain.py`` reasons about.

The client reads it from Redis, and the explorer of the tests makes it from its model. It is read in
several round trips, so its parts may be a few milliseconds apart.

It refuses to know more than a client may read: None and "" stand for what is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .compiled import CompiledDAG
from .numbering import labelled
from .run_edges import RunEdges
from .run_record import DEFAULT_WINDOW, RunRecord
from .states import TaskState
from .worker_info import WorkerInfo

# The reasons of a waiting task that a worker put off, and of one that asked to come again.
PUT_OFF = "worker"
AGAIN = "again"
CHILDREN = "children"  # of one that waits for runs which it has called


class TaskView(NamedTuple):
    """One task that is not pending. Times are ms since the run's submission.

    ``due_ms``: of a waiting task, when its next attempt is due; of others, when they ended.
    ``queued_ms``: when a queued task was queued. ``since_ms``: when a waiting task began to wait;
    ``reason``: for what. ``failures``: failed attempts so far. ``progress``: what the function of a
    running task reports, in one line.
    """

    state: TaskState
    attempt: int = 1
    lane: str = ""
    started_ms: int | None = None
    due_ms: int | None = None
    queued_ms: int | None = None
    since_ms: int | None = None
    reason: str = ""
    failures: int = 0
    suspect: bool = False
    continues: bool = False
    cached: bool = False
    progress: str = ""


class LaneView(NamedTuple):
    """A lane of a live worker: how many attempts it holds, and some of them as ``RUN/NUMBER``."""

    name: str
    held: int
    some: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveWorker:
    """A worker with a valid lease. ``lanes``: None if they were not read."""

    info: WorkerInfo
    lanes: tuple[LaneView, ...] | None = None


class QueueDepth(NamedTuple):
    """How many attempts a list holds that workers claim from.

    ``function``: the function (number in the DAG) whose attempts alone it holds, None for all.
    """

    queue: str
    is_async: bool
    level: str  # "!" for suspects, else the priority
    function: int | None
    depth: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run and what can hold it up.

    ``states``: of all tasks and items by number, None where there is no item. ``tasks``: all tasks
    that are not pending, by number; of items, those that are not over and some others. ``lengths``:
    the number of items of each mapped task that has expanded. ``now_ms``: Redis' clock.
    ``lease_left_ms``: of the leading scheduler, None without a lease. ``lag``: events that it has
    not applied yet, of all runs, None if unknown. ``refuses``: what Redis answers to a write, "" if
    it accepts writes or was not asked. ``expired``: workers whose lease has expired → when.
    ``depths``: None if the queues were not read. ``has``: whether an app (id) has a function (its
    number in the DAG), None if not asked. ``errors``: last errors by task, as far as read.
    ``rates``: attempts that ended per second in the last minute, by queue. ``cancelled_by``: who
    cancelled the run, "" if unknown. ``children``: of tasks that wait for runs, one that is not
    over, and how many are not. ``labels``: of items, as far as read. ``failed_children``: of failed
    tasks, the child run in which the failure began.
    """

    run: RunRecord
    dag: CompiledDAG
    states: Sequence[TaskState | None]
    tasks: Mapping[int, TaskView]
    now_ms: int
    lease_left_ms: int | None = None
    lag: int | None = None
    refuses: str = ""
    workers: Sequence[LiveWorker] = ()
    expired: Mapping[str, int] = field(default_factory=dict)
    depths: Sequence[QueueDepth] | None = None
    has: Mapping[tuple[str, int], bool] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    window: int = DEFAULT_WINDOW
    cancelled_by: str = ""
    children: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    lengths: Mapping[int, int] = field(default_factory=dict)
    labels: Mapping[int, str] = field(default_factory=dict)
    failed_children: Mapping[int, str] = field(default_factory=dict)

    @property
    def edges(self) -> RunEdges:
        """What tasks and items wait for."""
        return RunEdges(self.dag, self.lengths)

    def name(self, number: int) -> str:
        """Return the name of a task or an item."""
        return self.dag.task_name(number)

    def shown(self, number: int) -> str:
        """Return the name of a task, or of an item with its label, for a sentence."""
        return labelled(self.name(number), self.labels.get(number, ""))

    @property
    def leads(self) -> bool:
        """Whether a scheduler leads."""
        return self.lease_left_ms is not None and self.lease_left_ms > 0

    def at(self, since_submission_ms: int | None) -> int | None:
        """Return a time of a record in ms of Redis' clock."""
        return None if since_submission_ms is None else self.run.submitted_ms + since_submission_ms
