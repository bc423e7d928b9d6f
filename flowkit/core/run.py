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
8.  The items of mapped tasks are tasks like any other, once their mapped task has expanded
    (expansion.py). ``EndMap`` follows the marks of items, and comes before tasks that need it.
9.  Restoring from recorded states gives the same commands as the facts would: everything that a
    crash left undone is requested again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .commands import (
    Command,
    DropResults,
    FinishRun,
    MarkTasks,
    QueueTasks,
    StopRun,
    StopTasks,
)
from .compiled import OnFailure
from .marks import Marks
from .run_memory import RunMemory
from .states import TASK_OVER, RunState, TaskState
from .task_codes import (
    ABSENT,
    CANCELLED,
    CODE,
    DISPATCHED,
    FAILED,
    PENDING,
    SKIPPED,
    SUCCEEDED,
    is_over,
)
from .triggers import AFTER_FAILURE, Trigger

# How a task can be reported. Only this module determines that an upstream task failed.
_REPORTED = {name: CODE[name] for name in TASK_OVER - {TaskState.UPSTREAM_FAILED}}
_NO_LENGTHS: Mapping[int, int] = {}


class Run(RunMemory):
    """One run of a graph. Not thread-safe: one owner calls it."""

    __slots__ = ()

    # -- facts -----------------------------------------------------------------------------

    def start(self) -> list[Command]:
        """Start the run: queue the roots, or end at once without tasks."""
        self._frontier.ready.extend(self._frontier.roots())
        return self._settle([])

    def restore(
        self,
        states: Iterable[tuple[int, TaskState]],
        stopping: RunState | None = None,
        lengths: Mapping[int, int] = _NO_LENGTHS,
    ) -> list[Command]:
        """Continue from recorded states instead of ``start``; missing tasks are pending.

        ``stopping``: the outcome of a recorded stop. ``lengths``: as in ``tasks_over``. Return all
        commands that are still needed, including those that a previous owner may have executed
        partly. The order of failures is not recorded: the failed task with the lowest number counts
        as the first. To resume a run, leave out the tasks to rerun. Raises ValueError for a state
        of an item that does not exist.
        """
        frontier, state = self._frontier, self._frontier.state
        frontier.load(states, lengths)
        self._dispatched, self._total = state.count(DISPATCHED), frontier.total()
        self._open = state.count(PENDING) + self._dispatched
        self._failed = next(iter(frontier.failed()), None)
        commands: list[Command] = []
        if stopping is None:
            stopping = self._stop_due()
        if stopping is RunState.CANCELLED:  # then no failure counts any more
            self._stop(stopping, commands)
            return self._settle(commands)
        frontier.ready.extend(frontier.roots())
        over = [task for task, code in enumerate(state) if is_over(code) and code != ABSENT]
        marks = frontier.spread(over)
        frontier.sort_ready()
        if stopping is None:
            self._apply(marks, commands)
        else:
            self._stop(stopping, commands, marks)
        return self._settle(commands)

    def tasks_over(
        self,
        facts: Iterable[tuple[int, TaskState]],
        lengths: Mapping[int, int] = _NO_LENGTHS,
    ) -> list[Command]:
        """Take facts ``(task, how it ended)`` and return the resulting commands.

        ``lengths``: how many elements the results of these tasks have, of those that are mapped;
        -1 for a value that cannot be mapped. Raises ValueError for a state that no attempt ends in;
        the run must not be used afterwards.
        """
        frontier = self._frontier
        state, waiting_for, triggers = frontier.state, frontier.waiting_for, frontier.triggers
        downstream, ready = frontier.graph.downstream, frontier.ready
        dropping, expansion = frontier.dropping, frontier.expansion
        is_plain = not triggers and expansion is None
        if expansion is not None:
            expansion.learn(lengths)
        commands: list[Command] = []
        for task, name in facts:
            if (code := state[task]) > DISPATCHED:
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
                frontier.end_dropping(task)
            if is_plain and new in (SUCCEEDED, SKIPPED):  # the case of nearly all tasks
                for follower in downstream(task):
                    waiting_for[follower] -= 1
                    if not waiting_for[follower]:
                        ready.append(follower)
            elif expansion is None or new != SUCCEEDED or not expansion.ends_quietly(task):
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
        frontier = self._frontier
        marks = frontier.spread([task])
        failed = code == FAILED and frontier.fails_run(task)
        if failed and self._failed is None:
            self._failed = task
        if failed and self._on_failure is OnFailure.STOP and self._stopping is None:
            self._stop(RunState.FAILED, commands, marks)
        elif code == CANCELLED and self._stopping is None and not frontier.is_halted(task):
            # Tasks that need a cancelled task would wait forever, so this stops the run.
            self._stop(RunState.CANCELLED, commands, marks)
        else:
            self._apply(marks, commands)

    def _apply(self, marks: Marks, commands: list[Command]) -> None:
        """Note what ended as a consequence; stop the run if a mapped task failed by it."""
        self._note(marks, commands)
        if not marks.ended:
            return
        failed = [end.task for end in marks.ended if end.problem is not None]
        if failed and self._failed is None:
            self._failed = failed[0]
        if failed and self._on_failure is OnFailure.STOP and self._stopping is None:
            self._stop(RunState.FAILED, commands)

    def _stop_due(self) -> RunState | None:
        """Return the stop that restored states require although none was recorded."""
        if self._failed is not None and self._on_failure is OnFailure.STOP:
            return RunState.FAILED
        return RunState.CANCELLED if self._frontier.has_cancelled() else None

    def _stop(self, outcome: RunState, commands: list[Command], marks: Marks | None = None) -> None:
        """Record the stop, end pending tasks, stop dispatched ones. Once per outcome.

        ``marks``: the tasks that have just ended as a consequence. A mapped task that has expanded
        ends with its items.
        """
        if self._stopping is outcome:
            return
        self._stopping = outcome
        failed = self._failed if outcome is RunState.FAILED else None
        commands.append(StopRun(outcome, failed))
        if marks is not None:
            self._note(marks, commands)
        frontier = self._frontier
        kept = () if outcome is RunState.CANCELLED else AFTER_FAILURE
        swept = self._without(kept, self._pending_tasks())
        self._mark(TaskState.CANCELLED, swept, commands)
        self._note(frontier.spread(swept) if kept else frontier.close_maps(), commands)
        dispatched = self._without(kept, self.dispatched_tasks())
        if dispatched:
            commands.append(StopTasks(dispatched))

    def _note(self, marks: Marks, commands: list[Command]) -> None:
        self._open += marks.opened
        self._total += marks.opened
        self._mark(TaskState.UPSTREAM_FAILED, marks.blocked, commands)
        self._mark(TaskState.SKIPPED, marks.skipped, commands)
        self._mark(TaskState.CANCELLED, marks.cancelled, commands)
        if marks.stopped:
            commands.append(StopTasks(marks.stopped))
        for end in marks.ended:
            self._open -= 1
            self._frontier.end_dropping(end.task)
            commands.append(end)

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
        if self._frontier.may_take():
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
