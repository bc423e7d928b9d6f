"""The resolver: one run, which facts it has seen, and what is to be done next.

``Run`` turns facts (tasks that are over, a cancel) into commands (queue these, mark those, end
the run). It decides and does nothing; the in-process runner and the scheduler daemon carry its
commands out, so there is one semantics and it is tested once.

Rules it keeps:

1.  A task is queued once, and only when every task upstream of it is succeeded or skipped.
2.  A fact seen twice changes nothing the second time; facts may come in any order.
3.  At most ``window`` tasks are dispatched (queued, running or waiting) at a time, so that a run
    of a million tasks neither fills the store nor starves the others.
4.  After a stop nothing more is queued. What was dispatched is asked to stop; the run ends when
    all of it is over.
5.  ``FinishRun`` is said once, and is the last command.
6.  Restoring from recorded states leads to the same commands as having seen the facts: whatever
    a crash left undone is asked for again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

from .commands import Command, FinishRun, MarkTasks, QueueTasks, StopRun, StopTasks
from .compiled import OnFailure
from .graph import Graph
from .states import TASK_OVER, RunState, TaskState

__all__ = [
    "DEFAULT_WINDOW",
    "Command",
    "FinishRun",
    "MarkTasks",
    "QueueTasks",
    "Run",
    "StopRun",
    "StopTasks",
]

# One byte a task. DISPATCHED covers queued, running and waiting: the difference is the workers'.
_PENDING, _DISPATCHED, _SUCCEEDED, _SKIPPED, _FAILED, _BLOCKED, _CANCELLED = range(7)
_CODE = {
    TaskState.PENDING: _PENDING,
    TaskState.QUEUED: _DISPATCHED,
    TaskState.RUNNING: _DISPATCHED,
    TaskState.WAITING: _DISPATCHED,
    TaskState.SUCCEEDED: _SUCCEEDED,
    TaskState.SKIPPED: _SKIPPED,
    TaskState.FAILED: _FAILED,
    TaskState.UPSTREAM_FAILED: _BLOCKED,
    TaskState.CANCELLED: _CANCELLED,
}
_STATE = {code: state for state, code in _CODE.items() if state in TASK_OVER}
# How a task can be reported; that an upstream task failed is found out here and nowhere else.
_REPORTED = {name: _CODE[name] for name in TASK_OVER - {TaskState.UPSTREAM_FAILED}}
DEFAULT_WINDOW = 10_000


class Run:
    """One run of a graph. Not thread-safe: one owner calls it."""

    __slots__ = (
        "_dispatched",
        "_failed",
        "_finished",
        "_graph",
        "_on_failure",
        "_open",
        "_ready",
        "_state",
        "_stopping",
        "_waiting_for",
        "_window",
    )

    def __init__(
        self,
        graph: Graph,
        *,
        on_failure: OnFailure = OnFailure.STOP,
        window: int = DEFAULT_WINDOW,
    ) -> None:
        """Prepare a run that has seen nothing yet. ``window``: most tasks dispatched at a time."""
        if window < 1:
            raise ValueError(f"window must be at least 1, not {window}")
        self._graph = graph
        self._on_failure = on_failure
        self._window = window
        self._state = bytearray(len(graph))
        self._waiting_for = graph.in_degrees()
        self._ready: deque[int] = deque()
        self._dispatched = 0
        self._open = len(graph)
        self._failed: int | None = None
        self._stopping: RunState | None = None
        self._finished = False

    # -- what it knows ---------------------------------------------------------------------

    @property
    def outcome(self) -> RunState | None:
        """How the run is ending or has ended; None while nothing has stopped it."""
        return self._stopping

    @property
    def finished(self) -> bool:
        """Whether ``FinishRun`` has been said."""
        return self._finished

    @property
    def over(self) -> int:
        """How many tasks are over."""
        return len(self._graph) - self._open

    @property
    def dispatched(self) -> int:
        """How many tasks are queued, running or waiting."""
        return self._dispatched

    def dispatched_tasks(self) -> list[int]:
        """Return the tasks that are queued, running or waiting."""
        return [task for task, code in enumerate(self._state) if code == _DISPATCHED]

    def state(self, task: int) -> TaskState:
        """Return the state of a task; QUEUED stands for every dispatched one."""
        code = self._state[task]
        if code == _PENDING:
            return TaskState.PENDING
        return _STATE.get(code, TaskState.QUEUED)

    def counts(self) -> dict[TaskState, int]:
        """Return how many tasks are in each state (QUEUED: all that are dispatched)."""
        state = self._state
        found = {TaskState.PENDING: state.count(_PENDING), TaskState.QUEUED: self._dispatched}
        found.update({name: state.count(code) for code, name in _STATE.items()})
        return {name: number for name, number in found.items() if number}

    # -- what it is told -------------------------------------------------------------------

    def start(self) -> list[Command]:
        """Begin: queue the roots, or end at once if there is no task."""
        self._ready.extend(self._graph.roots())
        return self._settle([])

    def restore(
        self, states: Iterable[tuple[int, TaskState]], stopping: RunState | None = None
    ) -> list[Command]:
        """Begin from recorded states instead of ``start``; tasks not named are pending.

        ``stopping``: the outcome of a stop that was noted before. Returns whatever is still to
        be done, also what an earlier owner asked for and may have carried out in part. The order
        of failures is not recorded: the first one is now that of the lowest number. To resume a
        run, leave out the tasks that are to be done again.
        """
        state = self._state
        for task, name in states:
            state[task] = _CODE[name]
        self._dispatched = state.count(_DISPATCHED)
        self._open = state.count(_PENDING) + self._dispatched
        waiting_for = self._waiting_for
        for task, code in enumerate(state):
            if code in (_SUCCEEDED, _SKIPPED):
                for follower in self._graph.downstream(task):
                    waiting_for[follower] -= 1
        self._ready.extend(
            task for task, code in enumerate(state) if code == _PENDING and not waiting_for[task]
        )
        causes = [task for task, code in enumerate(state) if code in (_FAILED, _BLOCKED)]
        self._failed = next((task for task in causes if state[task] == _FAILED), None)
        commands: list[Command] = []
        if stopping is None:
            stopping = self._stop_due()
        if stopping is not None:
            self._stop(stopping, commands, causes)
        else:
            self._mark(TaskState.UPSTREAM_FAILED, self._pending_behind(causes), commands)
        return self._settle(commands)

    def tasks_over(self, facts: Iterable[tuple[int, TaskState]]) -> list[Command]:
        """Take facts ``(task, how it ended)`` and return what follows from them.

        Raises ValueError for a state that no attempt ends in; the run is not to be used after it.
        """
        state, waiting_for, graph = self._state, self._waiting_for, self._graph
        downstream, ready = graph.downstream, self._ready
        commands: list[Command] = []
        for task, name in facts:
            code = state[task]
            if code > _DISPATCHED:
                continue
            new = _REPORTED.get(name)
            if new is None:
                raise ValueError(f"task {graph.names[task]!r} cannot be reported as {name.value}")
            if code == _DISPATCHED:
                self._dispatched -= 1
            self._open -= 1
            state[task] = new
            if new in (_SUCCEEDED, _SKIPPED):
                for follower in downstream(task):
                    waiting_for[follower] -= 1
                    if not waiting_for[follower]:
                        ready.append(follower)
            elif new == _FAILED:
                self._take_failure(task, commands)
            else:  # what needs a cancelled task could wait for ever, so this stops the run
                self._stop(RunState.CANCELLED, commands)
        return self._settle(commands)

    def cancel(self) -> list[Command]:
        """Stop the run: it ends as cancelled when what is running is over."""
        commands: list[Command] = []
        if not self._finished:
            self._stop(RunState.CANCELLED, commands)
        return self._settle(commands)

    # -- how it decides --------------------------------------------------------------------

    def _take_failure(self, task: int, commands: list[Command]) -> None:
        if self._failed is None:
            self._failed = task
        if self._on_failure is OnFailure.STOP:
            self._stop(RunState.FAILED, commands, [task])
        elif self._stopping is None:
            self._mark(TaskState.UPSTREAM_FAILED, self._pending_behind([task]), commands)

    def _stop_due(self) -> RunState | None:
        """Return the stop that restored states call for, though none was noted."""
        if self._failed is not None and self._on_failure is OnFailure.STOP:
            return RunState.FAILED
        return RunState.CANCELLED if _CANCELLED in self._state else None

    def _stop(self, outcome: RunState, commands: list[Command], causes: Iterable[int] = ()) -> None:
        """Note the stop, turn pending tasks over, ask for the dispatched ones. Only once.

        ``causes``: what made it fail. A cancelled run puts nothing down to a failure any more.
        """
        if self._stopping is not None:
            return
        self._stopping = outcome
        commands.append(StopRun(outcome))
        if outcome is RunState.FAILED:
            self._mark(TaskState.UPSTREAM_FAILED, self._pending_behind(causes), commands)
        pending = [task for task, code in enumerate(self._state) if code == _PENDING]
        self._mark(TaskState.CANCELLED, pending, commands)
        if self._dispatched:
            commands.append(StopTasks(self.dispatched_tasks()))

    def _pending_behind(self, tasks: Iterable[int]) -> list[int]:
        """Return the pending tasks that need one of ``tasks``, directly or by pending ones."""
        state, downstream = self._state, self._graph.downstream
        found: list[int] = []
        seen: set[int] = set()
        for behind in chain(tasks, found):  # found grows while it is walked
            for follower in downstream(behind):
                if state[follower] == _PENDING and follower not in seen:
                    seen.add(follower)
                    found.append(follower)
        return found

    def _mark(self, state: TaskState, tasks: list[int], commands: list[Command]) -> None:
        if tasks:
            code = _CODE[state]
            for task in tasks:
                self._state[task] = code
            self._open -= len(tasks)
            commands.append(MarkTasks(state, tasks))

    def _settle(self, commands: list[Command]) -> list[Command]:
        """Fill the dispatch window, or end the run if nothing is left."""
        if self._finished:
            return []
        if self._stopping is None and self._ready:
            queue = self._take_ready()
            if queue:
                commands.append(QueueTasks(queue))
        if not self._open:
            self._finished = True
            failed = RunState.FAILED if self._failed is not None else RunState.SUCCEEDED
            self._stopping = self._stopping or failed
            commands.append(FinishRun(self._stopping, self._failed))
        return commands

    def _take_ready(self) -> list[int]:
        state, ready, taken = self._state, self._ready, []
        room = self._window - self._dispatched
        while ready and room > 0:
            task = ready.popleft()
            # A task can be over before its turn: a fact came early, or it was marked.
            if state[task] == _PENDING:
                state[task] = _DISPATCHED
                taken.append(task)
                room -= 1
        self._dispatched += len(taken)
        return taken
