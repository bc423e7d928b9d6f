"""The resolver: decides what a run does next, from the facts that it has seen.

``Run`` turns facts (tasks that are over, a cancel) into commands (queue tasks, mark tasks, end the
run). It only decides. The in-process runner and the scheduler daemon execute its commands, so both
have the same semantics, which is tested once.

Rules:

1.  A task is queued once, after every upstream task is over, if its trigger allows it.
2.  A repeated fact changes nothing; facts may come in any order.
3.  At most ``window`` tasks are dispatched (queued, running or waiting) at a time, so that a run
    of a million tasks neither fills the store nor starves the others.
4.  After a failure that stops the run, only tasks that continue anyway (triggers.AFTER_FAILURE) are
    queued; after a cancel, no task is. Dispatched tasks are asked to stop, and the run ends when
    all of them are over.
5.  Hooks of the run are queued when all other tasks are over. No hook changes the outcome.
6.  The result of a task that does not keep it is dropped when the task and all its consumers are
    over, so before the end of the run (dropping.py).
7.  ``FinishRun`` is issued once, as the last command.
8.  Restoring from recorded states gives the same commands as the facts would: everything that a
    crash left undone is requested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .commands import Command, DropResults, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from .compiled import OnFailure
from .frontier import (
    CANCELLED,
    CODE,
    DISPATCHED,
    FAILED,
    PENDING,
    SKIPPED,
    SUCCEEDED,
    Frontier,
)
from .graph import Graph
from .run_record import DEFAULT_WINDOW
from .states import TASK_OVER, RunState, TaskState
from .triggers import AFTER_FAILURE, Trigger

# How a task can be reported. Only this module determines that an upstream task failed.
_REPORTED = {name: CODE[name] for name in TASK_OVER - {TaskState.UPSTREAM_FAILED}}
_NO_TRIGGERS: Mapping[int, Trigger] = {}


class Run:
    """One run of a graph. Not thread-safe: one owner calls it."""

    __slots__ = (
        "_dispatched",
        "_failed",
        "_finished",
        "_frontier",
        "_on_failure",
        "_open",
        "_stopping",
        "_window",
    )

    def __init__(
        self,
        graph: Graph,
        *,
        on_failure: OnFailure = OnFailure.STOP,
        window: int = DEFAULT_WINDOW,
        triggers: Mapping[int, Trigger] = _NO_TRIGGERS,
        not_kept: Sequence[int] = (),
    ) -> None:
        """Prepare a run that has seen no facts yet.

        ``window``: maximum number of dispatched tasks. ``triggers``: without the default.
        ``not_kept``: the tasks whose results are dropped when no consumer needs them.
        """
        if window < 1:
            raise ValueError(f"window must be at least 1, not {window}")
        self._frontier = Frontier(graph, triggers, not_kept)
        self._on_failure = on_failure
        self._window = window
        self._dispatched = 0
        self._open = len(graph)
        self._failed: int | None = None
        self._stopping: RunState | None = None
        self._finished = False

    # -- state -----------------------------------------------------------------------------

    @property
    def outcome(self) -> RunState | None:
        """How the run is ending or has ended; None while it is not stopping."""
        return self._stopping

    @property
    def finished(self) -> bool:
        """Whether ``FinishRun`` was issued."""
        return self._finished

    @property
    def over(self) -> int:
        """The number of tasks that are over."""
        return len(self._frontier.graph) - self._open

    @property
    def dispatched(self) -> int:
        """The number of tasks that are queued, running or waiting."""
        return self._dispatched

    def dispatched_tasks(self) -> list[int]:
        """Return the tasks that are queued, running or waiting."""
        return self._frontier.having(DISPATCHED)

    def state(self, task: int) -> TaskState:
        """Return the state of a task; QUEUED for every dispatched one."""
        return self._frontier.state_of(task)

    def counts(self) -> dict[TaskState, int]:
        """Return the number of tasks in each state (QUEUED: all dispatched tasks)."""
        return self._frontier.counts(self._dispatched)

    # -- facts -----------------------------------------------------------------------------

    def start(self) -> list[Command]:
        """Start the run: queue the roots, or end at once without tasks."""
        self._frontier.ready.extend(self._frontier.roots())
        return self._settle([])

    def restore(
        self, states: Iterable[tuple[int, TaskState]], stopping: RunState | None = None
    ) -> list[Command]:
        """Continue from recorded states instead of ``start``; missing tasks are pending.

        ``stopping``: the outcome of a recorded stop. Return all commands that are still needed,
        including those that a previous owner may have executed partly. The order of failures is
        not recorded: the failed task with the lowest number counts as the first. To resume a run,
        leave out the tasks to rerun.
        """
        frontier, state = self._frontier, self._frontier.state
        frontier.load(states)
        self._dispatched = state.count(DISPATCHED)
        self._open = state.count(PENDING) + self._dispatched
        failed = [task for task in frontier.having(FAILED) if not frontier.is_hook(task)]
        self._failed = failed[0] if failed else None
        commands: list[Command] = []
        if stopping is None:
            stopping = self._stop_due()
        if stopping is RunState.CANCELLED:  # then no failure counts any more
            self._stop(stopping, commands)
            return self._settle(commands)
        frontier.ready.extend(frontier.roots())
        marks = frontier.spread([task for task, code in enumerate(state) if code > DISPATCHED])
        frontier.sort_ready()
        if stopping is None:
            self._note(*marks, commands)
        else:
            self._stop(stopping, commands, marks)
        return self._settle(commands)

    def tasks_over(self, facts: Iterable[tuple[int, TaskState]]) -> list[Command]:
        """Take facts ``(task, how it ended)`` and return the resulting commands.

        Raises ValueError for a state that no attempt ends in; the run must not be used afterwards.
        """
        frontier = self._frontier
        state, waiting_for, triggers = frontier.state, frontier.waiting_for, frontier.triggers
        downstream, ready = frontier.graph.downstream, frontier.ready
        dropping = frontier.dropping
        commands: list[Command] = []
        for task, name in facts:
            code = state[task]
            if code > DISPATCHED:
                continue
            new = _REPORTED.get(name)
            if new is None:
                text = f"task {frontier.graph.names[task]!r} cannot be reported as {name.value}"
                raise ValueError(text)
            if code == DISPATCHED:
                self._dispatched -= 1
            self._open -= 1
            state[task] = new
            if dropping is not None:
                dropping.end(task)
            if new in (SUCCEEDED, SKIPPED) and not triggers:  # the case of nearly all tasks
                for follower in downstream(task):
                    waiting_for[follower] -= 1
                    if not waiting_for[follower]:
                        ready.append(follower)
            else:
                self._take(task, new, commands)
        return self._settle(commands)

    def cancel(self) -> list[Command]:
        """Stop the run: it ends as cancelled when the running tasks are over.

        A run that a failure is stopping is cancelled too, with the tasks that would continue.
        """
        commands: list[Command] = []
        if not self._finished:
            self._stop(RunState.CANCELLED, commands)
        return self._settle(commands)

    # -- decisions -------------------------------------------------------------------------

    def _take(self, task: int, code: int, commands: list[Command]) -> None:
        """Handle the end of a task that may do more than make others ready."""
        marks = self._frontier.spread([task])
        failed = code == FAILED and not self._frontier.is_hook(task)
        if failed and self._failed is None:
            self._failed = task
        if failed and self._on_failure is OnFailure.STOP and self._stopping is None:
            self._stop(RunState.FAILED, commands, marks)
        elif code == CANCELLED and self._stopping is None:
            # Tasks that need a cancelled task would wait forever, so this stops the run.
            self._stop(RunState.CANCELLED, commands, marks)
        else:
            self._note(*marks, commands)

    def _stop_due(self) -> RunState | None:
        """Return the stop that restored states require although none was recorded."""
        if self._failed is not None and self._on_failure is OnFailure.STOP:
            return RunState.FAILED
        return RunState.CANCELLED if CANCELLED in self._frontier.state else None

    def _stop(
        self,
        outcome: RunState,
        commands: list[Command],
        marks: tuple[list[int], list[int]] = ([], []),
    ) -> None:
        """Record the stop, end pending tasks, stop dispatched ones. Once per outcome.

        ``marks``: the tasks that were just blocked and skipped.
        """
        if self._stopping is outcome:
            return
        self._stopping = outcome
        failed = self._failed if outcome is RunState.FAILED else None
        commands.append(StopRun(outcome, failed))
        self._note(*marks, commands)
        frontier, triggers = self._frontier, self._frontier.triggers
        kept = () if outcome is RunState.CANCELLED else AFTER_FAILURE
        swept = [task for task in frontier.having(PENDING) if triggers.get(task) not in kept]
        self._mark(TaskState.CANCELLED, swept, commands)
        if kept:
            self._note(*frontier.spread(swept), commands)
        dispatched = [task for task in self.dispatched_tasks() if triggers.get(task) not in kept]
        if dispatched:
            commands.append(StopTasks(dispatched))

    def _note(self, blocked: list[int], skipped: list[int], commands: list[Command]) -> None:
        self._mark(TaskState.UPSTREAM_FAILED, blocked, commands)
        self._mark(TaskState.SKIPPED, skipped, commands)

    def _mark(self, state: TaskState, tasks: list[int], commands: list[Command]) -> None:
        if tasks:
            self._frontier.mark(state, tasks)
            self._open -= len(tasks)
            commands.append(MarkTasks(state, tasks))

    def _settle(self, commands: list[Command]) -> list[Command]:
        """Fill the dispatch window, drop results, or end the run if no tasks are left."""
        if self._finished:
            return []
        if self._frontier.run_hooks and self._open == self._frontier.open_hooks():
            self._call_hooks(commands)
        if self._frontier.ready:
            queue = self._frontier.take_ready(self._window - self._dispatched)
            if queue:
                self._dispatched += len(queue)
                commands.append(QueueTasks(queue))
        if due := self._frontier.take_due():
            commands.append(DropResults(due))
        if not self._open:
            self._finished = True
            self._stopping = self._stopping or self._end()
            commands.append(FinishRun(self._stopping, self._failed))
        return commands

    def _end(self) -> RunState:
        return RunState.SUCCEEDED if self._failed is None else RunState.FAILED

    def _call_hooks(self, commands: list[Command]) -> None:
        """Make the hooks ready that match the outcome of the run; skip the others."""
        frontier = self._frontier
        waiting = frontier.pending_hooks()
        if not waiting or self._stopping is RunState.CANCELLED:
            return
        if self._end() is RunState.FAILED and self._stopping is None:
            self._stop(RunState.FAILED, commands)  # records the failed task, for the hook to read
        wanted = Trigger.RUN_SUCCEEDED if self._failed is None else Trigger.RUN_FAILED
        frontier.ready.extend(task for task in waiting if frontier.triggers[task] is wanted)
        others = [task for task in waiting if frontier.triggers[task] is not wanted]
        self._mark(TaskState.SKIPPED, others, commands)
