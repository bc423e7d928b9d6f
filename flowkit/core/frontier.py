"""The frontier of a run: the state of each task, and its effect on the downstream tasks.

It takes one byte per task. This module determines what triggers and failures mean for the
downstream tasks. The resolver in run.py decides what to do (queue, mark, stop). Invariants:

1.  ``waiting_for[t]`` is the number of unfinished upstream tasks of ``t``, once every finished task
    has been passed to ``spread`` (or handled by the resolver's own loop, which is equivalent for
    successful tasks without triggers).
2.  ``ready`` contains the tasks that may start. It is a hint: a task in it may have been marked
    since, so its state is checked when it is taken.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from .dropping import Dropping
from .graph import Graph
from .states import TASK_OVER, TaskState
from .triggers import AFTER_FAILURE, HOOKS, NEEDS_NO_FAILURE, OF_THE_RUN, Trigger, Verdict, verdict

# DISPATCHED means queued, running or waiting, which only workers distinguish.
PENDING, DISPATCHED, SUCCEEDED, SKIPPED, FAILED, BLOCKED, CANCELLED = range(7)
CODE = {
    TaskState.PENDING: PENDING,
    TaskState.QUEUED: DISPATCHED,
    TaskState.RUNNING: DISPATCHED,
    TaskState.WAITING: DISPATCHED,
    TaskState.SUCCEEDED: SUCCEEDED,
    TaskState.SKIPPED: SKIPPED,
    TaskState.FAILED: FAILED,
    TaskState.UPSTREAM_FAILED: BLOCKED,
    TaskState.CANCELLED: CANCELLED,
}
STATE = {code: state for state, code in CODE.items() if state in TASK_OVER}


class Frontier:
    """States, unmet upstream tasks and ready tasks of one run."""

    __slots__ = ("dropping", "graph", "ready", "run_hooks", "state", "triggers", "waiting_for")

    def __init__(
        self, graph: Graph, triggers: Mapping[int, Trigger], not_kept: Sequence[int] = ()
    ) -> None:
        """``triggers``: by task, without the default (see ``triggers.special``).

        ``not_kept``: the tasks whose results are not kept.
        """
        self.graph = graph
        self.triggers = triggers
        self.state = bytearray(len(graph))
        self.waiting_for: array[int] = graph.in_degrees()
        self.ready: deque[int] = deque()
        self.dropping = Dropping(graph, not_kept) if not_kept else None
        self.run_hooks = [task for task, trigger in triggers.items() if trigger in OF_THE_RUN]

    def having(self, code: int) -> list[int]:
        """Return the tasks with a code."""
        return [task for task, its in enumerate(self.state) if its == code]

    def state_of(self, task: int) -> TaskState:
        """Return the state of a task; QUEUED for every dispatched one."""
        code = self.state[task]
        if code == PENDING:
            return TaskState.PENDING
        return STATE.get(code, TaskState.QUEUED)

    def counts(self, dispatched: int) -> dict[TaskState, int]:
        """Return the number of tasks in each state. ``dispatched``: the number that is QUEUED."""
        state = self.state
        counts = {TaskState.PENDING: state.count(PENDING), TaskState.QUEUED: dispatched}
        counts.update({name: state.count(code) for code, name in STATE.items()})
        return {name: number for name, number in counts.items() if number}

    def mark(self, state: TaskState, tasks: Sequence[int]) -> None:
        """Set the state of tasks."""
        code = CODE[state]
        for task in tasks:
            self.state[task] = code
        if self.dropping is not None:
            for task in tasks:
                self.dropping.end(task)

    def load(self, states: Iterable[tuple[int, TaskState]]) -> None:
        """Set recorded states, at the beginning. ``spread`` must follow for those that are over."""
        for task, name in states:
            self.state[task] = CODE[name]
        if self.dropping is not None:
            for task, code in enumerate(self.state):
                if code > DISPATCHED:
                    self.dropping.end(task)

    def take_due(self) -> list[int]:
        """Return the tasks whose results are to be dropped, since the last call."""
        due = self.dropping.take_due() if self.dropping is not None else ()
        return [task for task in due if self.state[task] == SUCCEEDED]

    def is_hook(self, task: int) -> bool:
        """Return whether a task is a hook, of a task or of the run."""
        return self.triggers.get(task) in HOOKS

    def roots(self) -> list[int]:
        """Return the tasks that may start when the run starts."""
        roots = self.graph.roots()
        if self.run_hooks:
            return [task for task in roots if task not in self.run_hooks]
        return roots

    def pending_hooks(self) -> list[int]:
        """Return the hooks of the run that have not started."""
        return [task for task in self.run_hooks if self.state[task] == PENDING]

    def open_hooks(self) -> int:
        """Return how many hooks of the run are not over."""
        return sum(self.state[task] <= DISPATCHED for task in self.run_hooks)

    def settled(self, task: int) -> bool:
        """Return whether a pending task may start, after all its upstream tasks are over.

        If it may not, its state is set, and it must be passed to ``spread`` in turn.
        """
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        ended = {STATE[self.state[upstream]] for upstream in self.graph.upstream(task)}
        if TaskState.CANCELLED in ended and trigger not in AFTER_FAILURE:
            return True  # the stop that cancelled them also marks this task
        decision = verdict(trigger, ended)
        if decision is not Verdict.RUN:
            self.state[task] = SKIPPED if decision is Verdict.SKIP else BLOCKED
        return decision is Verdict.RUN

    def spread(self, over: Iterable[int]) -> tuple[list[int], list[int]]:
        """Apply the end of tasks to their downstream tasks. Each task must be passed once.

        Tasks that may start are added to ``ready``. Return the tasks that are blocked and those
        that are skipped as a consequence, directly or further downstream. Their states are set.
        """
        state, triggers, downstream = self.state, self.triggers, self.graph.downstream
        walk = list(over)
        blocked: list[int] = []
        skipped: list[int] = []
        for task in walk:  # grows while it is iterated
            failed = state[task] in (FAILED, BLOCKED)
            for follower in downstream(task):
                self.waiting_for[follower] -= 1
                if state[follower] != PENDING:
                    continue
                trigger = triggers.get(follower, Trigger.NONE_FAILED)
                if failed and trigger in NEEDS_NO_FAILURE:
                    state[follower] = BLOCKED
                elif self.waiting_for[follower]:
                    continue
                elif trigger is Trigger.NONE_FAILED or self.settled(follower):
                    self.ready.append(follower)
                    continue
                walk.append(follower)
                (blocked if state[follower] == BLOCKED else skipped).append(follower)
        return blocked, skipped

    def sort_ready(self) -> None:
        """Put the tasks that may start into the order of their numbers."""
        self.ready = deque(sorted(self.ready))

    def take_ready(self, room: int) -> list[int]:
        """Dispatch up to ``room`` ready tasks and return them."""
        state, ready, taken = self.state, self.ready, []
        while ready and room > 0:
            task = ready.popleft()
            # The task may already be over: a fact came early, or it was marked.
            if state[task] == PENDING:
                state[task] = DISPATCHED
                taken.append(task)
                room -= 1
        return taken
