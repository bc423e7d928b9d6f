"""The command runner: carries out the commands of ``core.run`` on active runs, in Redis.

Commands that queue tasks, drop results or end runs are collected by the writer. The others are sent
at once, behind what the writer has collected, so that the order within a run is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowkit.core.commands import (
    Command,
    DropResults,
    EndMap,
    FinishRun,
    MarkTasks,
    QueueTasks,
    StopRun,
    StopTasks,
)
from flowkit.core.map_problems import ERROR
from flowkit.core.states import RunState, TaskState
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active, Place
from .families import Families
from .map_problems import why_not_mapped
from .progress import Progress
from .serving import Serving
from .writer import Writer


class CommandRunner:
    """Carries out commands. Not thread-safe."""

    def __init__(
        self,
        store: SchedulerStore,
        writer: Writer,
        serving: Serving,
        progress: Progress,
        families: Families,
        on_over: Callable[[Active, RunState, int | None], None],
    ) -> None:
        """``on_over`` is called with each run that ends, its outcome and the task that failed."""
        self._store = store
        self._writer = writer
        self._serving = serving
        self._on_over = on_over
        self._progress = progress
        self._families = families

    def execute(self, active: Active, commands: Sequence[Command]) -> None:
        """Carry out commands on a run, and note that it has changed."""
        for command in commands:
            match command:
                case QueueTasks(tasks):
                    self._queue(active, tasks)
                case DropResults(tasks):
                    self._writer.drop(active.run, tasks)
                case EndMap():
                    self._end_map(active, command)
                case FinishRun(outcome, failed):
                    self._writer.finish(active.run, outcome, failed, active.counts())
                    self._on_over(active, outcome, failed)
                case StopRun(outcome, failed):
                    self._writer.flush()
                    self._store.stop_run(active.run, outcome, failed)
                case MarkTasks(state, tasks):
                    self._writer.flush()
                    self._store.end_tasks(active.run, state, tasks, notify=False)
                case StopTasks(tasks):
                    self._stop_tasks(active, tasks)
        self._progress.note(active)

    def _queue(self, active: Active, tasks: Sequence[int]) -> None:
        places, policy_of = active.places, active.dag.policy_of
        if len(places) == 1:
            self._put(active, places[0], tasks)
            return
        by_policy: dict[int, list[int]] = {}
        node = active.dag.numbering.node
        for task in tasks:
            by_policy.setdefault(policy_of[node(task)], []).append(task)
        for policy, group in by_policy.items():
            self._put(active, places[policy], group)

    def _put(self, active: Active, place: Place, tasks: Sequence[int]) -> None:
        verb = self._serving.verb(active, place.ready)
        for ready, some in self._serving.by_list(active, place.ready, tasks):
            there = place if ready == place.ready else place._replace(ready=ready)
            self._writer.queue(active.run, there, some, verb)

    def _end_map(self, active: Active, end: EndMap) -> None:
        problem = None if end.problem is None else why_not_mapped(self._store, active, end)
        error = b"" if problem is None else ErrorInfo(ERROR, problem).pack()
        self._writer.end_map(active.run, end.task, end.state, max(end.length, 0), error)

    def _stop_tasks(self, active: Active, tasks: Sequence[int]) -> None:
        self._writer.flush()
        notify = active.state.outcome is RunState.CANCELLED
        ended = self._store.end_tasks(active.run, TaskState.CANCELLED, tasks, notify=notify)
        self._families.stop_children(active.run, ended.calling)
        facts = [(task, TaskState.CANCELLED) for task in ended.over]
        self.execute(active, active.state.tasks_over(facts))
