"""A snapshot with what the rules derive from it, each once: roots, serving workers, counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from ..basics.shorten import shorten
from .causes import Cause, rank
from .serving_view import Serving
from .snapshot import LiveWorker, Snapshot
from .states import TASK_FAILURES, TASK_OVER, RunState, TaskState
from .triggers import AFTER_FAILURE, HOOKS, NEEDS_NO_FAILURE, OF_THE_RUN, Trigger

MOST_VERSIONS = 1000  # characters of live versions that a cause names
OVER_OR_ABSENT = frozenset({*TASK_OVER, None})


class View:
    """What the rules ask. ``own``: finds the cause of a task that does not lead to another."""

    def __init__(self, snapshot: Snapshot, own: Callable[[View, int], Cause]) -> None:
        self.snapshot = snapshot
        self._edges = snapshot.edges
        self._own = own
        self._serving: dict[tuple[int, int, bool], Serving] = {}
        self._roots: dict[int, int] = {}
        self._causes: dict[int, Cause] = {}

    def cause(self, task: int) -> Cause:
        """Return the primary cause of a task that is not over."""
        cause = self._causes.get(task)
        if cause is None:
            cause = self._causes[task] = self._own(self, task)
        return cause

    # -- the run --------------------------------------------------------------------------------

    @cached_property
    def dispatched(self) -> list[int]:
        """The tasks that are queued, running or waiting."""
        tasks = self.snapshot.tasks
        return [task for task, item in tasks.items() if item.state not in TASK_OVER]

    @cached_property
    def running(self) -> int:
        """How many tasks are running."""
        tasks = self.snapshot.tasks
        return sum(tasks[task].state is TaskState.RUNNING for task in self.dispatched)

    @cached_property
    def worst_dispatched(self) -> int | None:
        """The dispatched task whose cause has the lowest rank."""
        return self._worst(self.dispatched)

    def is_stopped(self, task: int) -> bool:
        """Return whether a stop of the run ends a task that has not started.

        A mapped task that has expanded ends with its items, some of which may be running.
        """
        stop = self.snapshot.run.stop
        if self.has_items(task):
            return False
        if stop is None or stop is RunState.CANCELLED:
            return stop is not None
        item = self.snapshot.tasks.get(task)
        if item is not None:
            return not item.continues
        return self._trigger(task) not in AFTER_FAILURE

    @cached_property
    def alive(self) -> dict[str, LiveWorker]:
        """The live workers by id."""
        return {item.info.worker: item for item in self.snapshot.workers}

    # -- one task -------------------------------------------------------------------------------

    def serving(self, task: int) -> Serving:
        """Return who can take the attempts of a task."""
        dag, item = self.snapshot.dag, self.snapshot.tasks.get(task)
        node = dag.numbering.node(task)
        key = dag.policy_of[node], dag.ref_of[node], item is not None and item.suspect
        serving = self._serving.get(key)
        if serving is None:
            serving = self._serving[key] = Serving(self.snapshot, *key)
        return serving

    def queued_at(self, task: int) -> int | None:
        """Return when a task was queued, in ms of Redis' clock, None if unknown."""
        item = self.snapshot.tasks.get(task)
        return None if item is None else self.snapshot.at(item.queued_ms)

    @staticmethod
    def versions(workers: Iterable[LiveWorker]) -> str:
        """Return the versions of workers, with their apps, for a message."""
        apps: dict[str, set[str]] = {}
        for item in workers:
            for version in item.info.versions or ("unknown",):
                apps.setdefault(version, set()).add(item.info.app)
        some = sorted(apps.items())
        text = ", ".join(f"{version} ({', '.join(sorted(its))})" for version, its in some)
        return shorten(text, MOST_VERSIONS)

    # -- upstream -------------------------------------------------------------------------------

    @cached_property
    def _triggers(self) -> dict[int, Trigger]:
        return self.snapshot.dag.triggers()

    def _trigger(self, number: int) -> Trigger:
        """Return the trigger of a task, or of the task of an item."""
        if not self._triggers:
            return Trigger.NONE_FAILED
        node = self.snapshot.dag.numbering.node(number)
        return self._triggers.get(node, Trigger.NONE_FAILED)

    def has_items(self, task: int) -> bool:
        """Return whether a task is mapped and has expanded."""
        return self._edges.has_items(task)

    @cached_property
    def _dispatched_items(self) -> dict[int, list[int]]:
        """The items that are queued, running or waiting, by mapped task."""
        items: dict[int, list[int]] = {}
        for number in self.dispatched if self.snapshot.lengths else ():
            if self._edges.is_item(number):
                items.setdefault(self.snapshot.dag.numbering.node(number), []).append(number)
        return items

    def item_before(self, number: int) -> tuple[int, int] | None:
        """Return (``max_active``, one of these items) if an item waits for such items to end."""
        if not self._edges.is_item(number):
            return None
        task = self.snapshot.dag.numbering.node(number)
        most, active = self.snapshot.dag.maps[task].max_active, self._dispatched_items.get(task, [])
        worst = self._worst(active) if 0 < most <= len(active) else None
        return None if worst is None else (most, worst)

    def waits_upstream(self, task: int) -> bool:
        """Return whether a pending task waits for others that are not over."""
        states, trigger = self.snapshot.states, self._trigger(task)
        if self.has_items(task):
            return any(states[item] not in TASK_OVER for item in self._edges.above(task))
        if trigger in OF_THE_RUN:
            if self._edges.is_item(task):  # the run was over when its task expanded
                return False
            return self._worst_of_run is not None
        above = self._edges.above(task)
        if trigger in NEEDS_NO_FAILURE and any(states[other] in TASK_FAILURES for other in above):
            return False  # it is blocked: the scheduler only has to record that
        return any(states[other] not in TASK_OVER for other in above)

    @cached_property
    def _worst_of_run(self) -> int | None:
        """The task that holds up the hooks of the run."""
        hooks = {task for task, trigger in self._triggers.items() if trigger in HOOKS}
        states = self.snapshot.states
        others = [
            task
            for task, state in enumerate(states)
            if state not in OVER_OR_ABSENT and self._edges.shape.numbering.node(task) not in hooks
        ]
        return self._worst([self.root_of(task) for task in others])

    def root_of(self, task: int) -> int:
        """Return the task that holds a task up itself: this one, or one above.

        Of several, the one whose cause has the lowest rank. Each task is visited once, without
        recursion, since a chain may have a million tasks.
        """
        if self._waits_for_run(task) and self._worst_of_run is not None:
            return self._worst_of_run
        walk = [task]
        while walk:
            at = walk[-1]
            if at in self._roots:
                walk.pop()
                continue
            above = self._open_above(at)
            missing = [other for other in above if other not in self._roots]
            if missing:
                walk += missing
                continue
            root = self._worst(self._roots[other] for other in above)
            self._roots[at] = at if root is None else root
            walk.pop()
        return self._roots[task]

    def _open_above(self, task: int) -> list[int]:
        """Return the tasks that a task waits for, none if nothing above holds it up."""
        states = self.snapshot.states
        if states[task] is not TaskState.PENDING or not self._waits_for_graph(task):
            return []
        return [other for other in self._edges.above(task) if states[other] not in TASK_OVER]

    def _waits_for_graph(self, task: int) -> bool:
        if self.snapshot.refuses or self.is_stopped(task):
            return False
        return not self._waits_for_run(task) and self.waits_upstream(task)

    def _waits_for_run(self, task: int) -> bool:
        """Return whether a task waits for the end of all others: a hook that has not expanded."""
        expanded = self._edges.is_item(task) or self.has_items(task)
        return not expanded and self._trigger(task) in OF_THE_RUN

    def _worst(self, tasks: Iterable[int]) -> int | None:
        """Return the task whose cause has the lowest rank, of those the one with the lowest
        number; None without tasks."""
        return min(set(tasks), key=lambda task: (rank(self.cause(task)), task), default=None)
