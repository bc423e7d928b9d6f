"""The command runner: carries out the commands of ``core.run`` on active runs, in Redis.

Commands that queue tasks, drop results or end runs are collected by the writer. The others are sent
at once, behind what the writer has collected, so that the order within a run is kept.

A run may end two million tasks in one step, which takes Redis many seconds. So they are ended in
parts, and the rest of the commands of that run waits for the next turns, in which other runs are
served too. What waits is in memory only: a scheduler that takes over gets the same commands from
the records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

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
from flowkit.protocol.decoding import in_parts
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.scheduler_store import SchedulerStore

from .active import Active, Place
from .families import Families
from .map_problems import why_not_mapped
from .progress import Progress
from .serving import Serving
from .writer import Writer

TURN_TASKS = 20_000  # that are ended in one turn: about 50 ms
CALLING_TASKS = 20  # a task that waits for runs takes as long to end as so many others


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
        self._late: dict[str, tuple[Active, deque[Command]]] = {}

    def execute(self, active: Active, commands: Sequence[Command]) -> None:
        """Carry out commands on a run, and note that it has changed.

        What takes too long, and all that the run orders later, is left to ``go_on``.
        """
        if active.run in self._late:
            self._late[active.run][1].extend(_small(commands))
            self._progress.note(active)
        else:
            self._carry_out(active, deque(_small(commands)), TURN_TASKS)

    def go_on(self) -> None:
        """Carry out some of the commands that were left, of one run after the other."""
        room = TURN_TASKS
        for run in list(self._late):
            if room <= 0:
                break
            active, commands = self._late.pop(run)  # behind the others, if it is not done
            room = self._carry_out(active, commands, room)

    @property
    def is_late(self) -> bool:
        """Whether commands were left."""
        return bool(self._late)

    def forget(self, run: str) -> None:
        """Drop the commands that were left for a run."""
        self._late.pop(run, None)

    def clear(self) -> None:
        """Drop all commands that were left."""
        self._late.clear()

    def _carry_out(self, active: Active, commands: deque[Command], room: int) -> int:
        """Carry out commands while there is room; return what is left of it."""
        while commands and room > 0:
            command = commands.popleft()
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
                    room -= len(tasks)
                case StopTasks(tasks):
                    calling, follow = self._stop_tasks(active, tasks)
                    commands.extend(follow)  # decided after all that is left
                    room -= len(tasks) + CALLING_TASKS * calling
        if commands:
            self._late[active.run] = active, commands
        self._progress.note(active)
        return room

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

    def _stop_tasks(self, active: Active, tasks: Sequence[int]) -> tuple[int, list[Command]]:
        """Stop tasks; return how many of them wait for runs, and the commands that follow."""
        self._writer.flush()
        notify = active.state.outcome is RunState.CANCELLED
        ended = self._store.end_tasks(active.run, TaskState.CANCELLED, tasks, notify=notify)
        self._families.stop_children(active.run, ended.calling)
        facts = [(task, TaskState.CANCELLED) for task in ended.over]
        return len(ended.calling), list(_small(active.state.tasks_over(facts)))


def _small(commands: Iterable[Command]) -> Iterator[Command]:
    """Split commands that end many tasks."""
    for command in commands:
        match command:
            case MarkTasks(state, tasks):
                yield from (MarkTasks(state, part) for part in in_parts(tasks))
            case StopTasks(tasks):
                yield from map(StopTasks, in_parts(tasks))
            case _:
                yield command
