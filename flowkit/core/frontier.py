"""The frontier of a run: the state of each task, and its effect on the downstream tasks.

It takes one byte per task. This module determines what triggers and failures mean for the
downstream tasks. The resolver in run.py decides what to do (queue, mark, stop). In a run with
mapped tasks, ``state`` also has their items, and expansion.py and item_ends.py determine what
concerns them. Invariants:

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
from .expansion import Expansion
from .graph import Graph
from .item_ends import ItemEnds
from .map_spec import Maps
from .marks import Marks
from .states import TaskState
from .task_codes import (
    ABSENT,
    BLOCKED,
    CANCELLED,
    CODE,
    DISPATCHED,
    FAILED,
    PENDING,
    SKIPPED,
    STATE,
    SUCCEEDED,
    is_over,
)
from .triggers import AFTER_FAILURE, HOOKS, NEEDS_NO_FAILURE, OF_THE_RUN, Trigger, Verdict, verdict

_NO_MAPS: Maps = {}
_NO_LENGTHS: Mapping[int, int] = {}


class Frontier:
    """States, unmet upstream tasks and ready tasks of one run."""

    __slots__ = (
        "_ends",
        "dropping",
        "expansion",
        "graph",
        "ready",
        "run_hooks",
        "state",
        "triggers",
        "waiting_for",
    )

    def __init__(
        self,
        graph: Graph,
        triggers: Mapping[int, Trigger],
        not_kept: Sequence[int] = (),
        maps: Maps = _NO_MAPS,
    ) -> None:
        """``triggers``: by task, without the default (see ``triggers.special``).

        ``not_kept``: the tasks whose results are not kept. ``maps``: the mapped tasks.
        """
        self.graph = graph
        self.triggers = triggers
        self.state = bytearray(len(graph))
        self.waiting_for: array[int] = graph.in_degrees()
        self.ready: deque[int] = deque()
        self.dropping = Dropping(graph, not_kept) if not_kept else None
        self.run_hooks = [task for task, trigger in triggers.items() if trigger in OF_THE_RUN]
        self.expansion = Expansion(graph, maps, triggers, self.state) if maps else None
        self._ends = ItemEnds(self.expansion) if self.expansion is not None else None

    def having(self, code: int) -> list[int]:
        """Return the tasks with a code."""
        return [task for task, its in enumerate(self.state) if its == code]

    def exists(self, number: int) -> bool:
        """Return whether a number is a task, or an item that exists."""
        if self.expansion is not None:
            return self.expansion.exists(number)
        return 0 <= number < len(self.state)

    def node(self, number: int) -> int:
        """Return the task of the graph that a number is, or is an item of."""
        return number if self.expansion is None else self.expansion.numbering.node(number)

    def trigger(self, number: int) -> Trigger:
        """Return the trigger of a task or an item."""
        return self.triggers.get(self.node(number), Trigger.NONE_FAILED)

    def state_of(self, task: int) -> TaskState:
        """Return the state of a task; QUEUED for every dispatched one."""
        code = self.state[task]
        if code == PENDING:
            return TaskState.PENDING
        return STATE.get(code, TaskState.QUEUED)

    def total(self) -> int:
        """Return the number of tasks and items."""
        return len(self.state) - self.state.count(ABSENT)

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
        for task in tasks if self.dropping is not None else ():
            self.end_dropping(task)

    def load(
        self, states: Iterable[tuple[int, TaskState]], lengths: Mapping[int, int] = _NO_LENGTHS
    ) -> None:
        """Set recorded states, at the beginning. ``spread`` must follow for those that are over.

        ``lengths``: of the lists that are mapped. Raises ValueError for an item that there is not.
        """
        items: dict[int, int] = {}
        count = len(self.graph)
        for task, name in states:
            if task < count:
                self.state[task] = CODE[name]
            else:
                items[task] = CODE[name]
        if self.expansion is not None:
            self.expansion.learn(lengths)
            self.expansion.load(items)
        elif items:
            raise ValueError(f"there is no task {min(items)}")
        if self.dropping is not None:
            for task, code in enumerate(self.state[:count]):
                if is_over(code):
                    self.dropping.end(task)

    def end_dropping(self, task: int) -> None:
        """Record that a task is over, for the results that are dropped. Items do not count."""
        if self.dropping is not None and task < len(self.graph):
            self.dropping.end(task)

    def take_due(self) -> list[int]:
        """Return the tasks whose results are to be dropped, since the last call.

        For a mapped task, these are its items.
        """
        due: list[int] = []
        for task in self.dropping.take_due() if self.dropping is not None else ():
            mapped = None if self.expansion is None else self.expansion.maps.get(task)
            numbers = (
                [task] if mapped is None or self.expansion is None else self.expansion.items(mapped)
            )
            due += [number for number in numbers if self.state[number] == SUCCEEDED]
        return due

    def is_hook(self, task: int) -> bool:
        """Return whether a task is a hook, of a task or of the run."""
        return bool(self.triggers) and self.trigger(task) in HOOKS

    def fails_run(self, task: int) -> bool:
        """Return whether a failure of this task or item fails its run."""
        if self.is_hook(task):
            return False
        mapped = None if self.expansion is None else self.expansion.mapped(task)
        return mapped is None or not mapped.spec.collect

    def is_halted(self, task: int) -> bool:
        """Return whether this is an item of a mapped task that a failure has stopped."""
        mapped = None if self.expansion is None else self.expansion.mapped(task)
        return mapped is not None and mapped.halted

    def has_items(self, task: int) -> bool:
        """Return whether this is a mapped task that has expanded, so that its items end it."""
        mapped = None if self.expansion is None else self.expansion.maps.get(task)
        return mapped is not None and mapped.length is not None

    def failed(self) -> list[int]:
        """Return the tasks and items whose failure fails the run, in the order of their numbers.

        A mapped task that failed because of its items is not among them.
        """
        failed = [task for task in self.having(FAILED) if self.fails_run(task)]
        return [task for task in failed if not self.has_items(task)]

    def has_cancelled(self) -> bool:
        """Return whether a task was cancelled for another reason than a failed item."""
        cancelled = self.having(CANCELLED) if CANCELLED in self.state else ()
        if self.expansion is None:
            return bool(cancelled)
        halted = {self.node(task) for task in self.having(FAILED) if self.fails_run(task)}
        return any(self.node(task) not in halted for task in cancelled)

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

    def spread(self, over: Iterable[int]) -> Marks:
        """Apply the end of tasks to their downstream tasks. Each task must be passed once.

        Tasks that may start are added to ``ready``. Return the tasks that end as a consequence,
        directly or further downstream. Their states are set.
        """
        ends, count = self._ends, len(self.graph)
        walk, marks = list(over), Marks()
        for task in walk:  # grows while it is iterated
            if ends is not None and task >= count:
                ends.item_over(task, walk, marks)
            else:
                self._spread_from(task, walk, marks)
        return marks

    def close_maps(self) -> Marks:
        """End the mapped tasks that have no open item, after a cancel."""
        marks = Marks()
        if self._ends is not None:
            self._ends.close([], marks)
        return marks

    def _spread_from(self, task: int, walk: list[int], marks: Marks) -> None:
        state, triggers, ends = self.state, self.triggers, self._ends
        failed = state[task] in (FAILED, BLOCKED)
        for follower in self.graph.downstream(task):
            self.waiting_for[follower] -= 1
            if ends is not None and ends.concerns(follower):
                ends.upstream_over(follower, task, walk, marks)
                continue
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
            marks.add(state[follower], follower)

    def sort_ready(self) -> None:
        """Put the tasks that may start into the order of their numbers."""
        self.ready = deque(sorted(self.ready))

    def may_take(self) -> bool:
        """Whether some task or item may be ready. It is a hint."""
        return bool(self.ready) or (self.expansion is not None and self.expansion.may_take)

    def take_ready(self, room: int) -> list[int]:
        """Dispatch up to ``room`` ready tasks and return them: tasks of the graph before items."""
        state, ready, taken = self.state, self.ready, list[int]()
        while ready and room > len(taken):
            task = ready.popleft()
            # The task may already be over: a fact came early, or it was marked.
            if state[task] == PENDING:
                state[task] = DISPATCHED
                taken.append(task)
        if self.expansion is not None and room > len(taken):
            taken += self.expansion.take(room - len(taken))
        return taken
