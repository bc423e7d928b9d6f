"""The front of a run: how each task stands, and what follows for the tasks behind it.

One byte a task. What users' triggers and failures mean for the tasks further down is worked out
here; what is done about it (queue, mark, stop) is the resolver's, in run.py. Invariants:

1.  ``waiting_for[t]`` is the number of upstream tasks of ``t`` that are not over yet, once every
    task that is over has gone through ``spread`` (or through the resolver's own loop, which is the
    same for tasks that went well and have no special followers).
2.  ``ready`` names the tasks that may start. It is a hint: a task named there may have been
    marked since, so whoever takes it looks at its state.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping

from .graph import Graph
from .states import TASK_OVER, TaskState
from .triggers import GOES_ON, NEEDS_NO_FAILURE, OF_THE_RUN, Trigger, Verdict, verdict

# DISPATCHED covers queued, running and waiting: the difference is the workers'.
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

    __slots__ = ("graph", "ready", "run_hooks", "state", "triggers", "waiting_for")

    def __init__(self, graph: Graph, triggers: Mapping[int, Trigger]) -> None:
        """``triggers``: those that are not the default, by task (see ``triggers.special``)."""
        self.graph = graph
        self.triggers = triggers
        self.state = bytearray(len(graph))
        self.waiting_for: array[int] = graph.in_degrees()
        self.ready: deque[int] = deque()
        self.run_hooks = [task for task, trigger in triggers.items() if trigger in OF_THE_RUN]

    def having(self, code: int) -> list[int]:
        """Return the tasks with that code."""
        return [task for task, its in enumerate(self.state) if its == code]

    def roots(self) -> list[int]:
        """Return the tasks that may start when the run does."""
        roots = self.graph.roots()
        if self.run_hooks:
            return [task for task in roots if task not in self.run_hooks]
        return roots

    def open_hooks(self) -> int:
        """Return how many of the run's own hooks are not over."""
        return sum(self.state[task] <= DISPATCHED for task in self.run_hooks)

    def settled(self, task: int) -> bool:
        """Tell whether a pending task with a trigger may start now; all upstream are over.

        If it is not to start, its state is set, and it has to be spread in its turn.
        """
        trigger = self.triggers.get(task, Trigger.NONE_FAILED)
        ended = {STATE[self.state[upstream]] for upstream in self.graph.upstream(task)}
        if TaskState.CANCELLED in ended and trigger not in GOES_ON:
            return True  # the stop that cancelled them takes this one out of `ready` as well
        found = verdict(trigger, ended)
        if found is not Verdict.RUN:
            self.state[task] = SKIPPED if found is Verdict.SKIP else BLOCKED
        return found is Verdict.RUN

    def spread(self, over: Iterable[int]) -> tuple[list[int], list[int]]:
        """Work out what follows from tasks that have become over, each to be given once.

        What may start goes to ``ready``. Returns the tasks that are blocked and those that are
        skipped because of it, directly or further down; their states are set.
        """
        state, triggers, downstream = self.state, self.triggers, self.graph.downstream
        walk = list(over)
        blocked: list[int] = []
        skipped: list[int] = []
        for task in walk:  # grows while it is walked
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

    def take_ready(self, room: int) -> list[int]:
        """Dispatch up to ``room`` ready tasks and return them."""
        state, ready, taken = self.state, self.ready, []
        while ready and room > 0:
            task = ready.popleft()
            # A task can be over before its turn: a fact came early, or it was marked.
            if state[task] == PENDING:
                state[task] = DISPATCHED
                taken.append(task)
                room -= 1
        return taken
