"""What a run knows of its tasks: their states, how many are open, and how it is ending.

It decides nothing: see run.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .compiled import OnFailure
from .frontier import Frontier
from .graph import Graph
from .map_spec import Maps
from .run_record import DEFAULT_WINDOW
from .states import RunState, TaskState
from .task_codes import DISPATCHED, PENDING
from .triggers import Trigger

_NO_TRIGGERS: Mapping[int, Trigger] = {}
_NO_MAPS: Maps = {}


class RunMemory:
    """The states of the tasks of one run, and of the run."""

    __slots__ = (
        "_dispatched",
        "_failed",
        "_finished",
        "_frontier",
        "_on_failure",
        "_open",
        "_stopping",
        "_total",
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
        maps: Maps = _NO_MAPS,
    ) -> None:
        """Prepare a run that has seen no facts yet.

        ``window``: maximum number of dispatched tasks. ``triggers``: without the default.
        ``not_kept``: the tasks whose results are dropped when no consumer needs them. ``maps``: how
        tasks are mapped.
        """
        if window < 1:
            raise ValueError(f"window must be at least 1, not {window}")
        self._frontier = Frontier(graph, triggers, not_kept, maps)
        self._on_failure = on_failure
        self._window = window
        self._dispatched = 0
        self._open = self._total = len(graph)
        self._failed: int | None = None
        self._stopping: RunState | None = None
        self._finished = False

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
        """The number of tasks and items that are over. A mapped task counts as its items."""
        ended = sum(self.state(task) is not TaskState.PENDING for task in self._with_items())
        return self._total - self._open - ended

    @property
    def total(self) -> int:
        """The number of tasks and items. A mapped task counts as its items, once it has any."""
        return self._total - len(self._with_items())

    @property
    def items(self) -> int:
        """The number of items that exist."""
        return self._total - len(self._frontier.graph)

    def _with_items(self) -> list[int]:
        """Return the mapped tasks that have items."""
        expansion = self._frontier.expansion
        maps = {} if expansion is None else expansion.maps
        return [task for task, mapped in maps.items() if mapped.length]

    @property
    def dispatched(self) -> int:
        """The number of tasks that are queued, running or waiting."""
        return self._dispatched

    def dispatched_tasks(self) -> list[int]:
        """Return the tasks that are queued, running or waiting."""
        return self._frontier.having(DISPATCHED)

    def _pending_tasks(self) -> list[int]:
        """Return the tasks and items that are pending, without mapped tasks that have items."""
        frontier, count = self._frontier, len(self._frontier.graph)
        pending = frontier.having(PENDING)
        return [task for task in pending if task >= count or not frontier.has_items(task)]

    def _without(self, triggers: Collection[Trigger], tasks: list[int]) -> list[int]:
        """Return these tasks and items without those that have one of these triggers."""
        frontier = self._frontier
        having = {task for task, trigger in frontier.triggers.items() if trigger in triggers}
        return [task for task in tasks if frontier.node(task) not in having] if having else tasks

    def state(self, task: int) -> TaskState:
        """Return the state of a task; QUEUED for every dispatched one."""
        return self._frontier.state_of(task)

    def exists(self, number: int) -> bool:
        """Return whether a number is a task, or an item that exists."""
        return self._frontier.exists(number)

    def length(self, task: int) -> int | None:
        """Return how many items a mapped task has, None if it has not expanded or is not mapped."""
        expansion = self._frontier.expansion
        mapped = None if expansion is None else expansion.maps.get(task)
        return None if mapped is None else mapped.length

    def counts(self) -> dict[TaskState, int]:
        """Return the number of tasks and items in each state (QUEUED: all dispatched ones).

        A mapped task counts as its items, once it has any.
        """
        counts = self._frontier.counts(self._dispatched)
        for task in self._with_items():
            counts[self.state(task)] -= 1
        return {state: number for state, number in counts.items() if number}
