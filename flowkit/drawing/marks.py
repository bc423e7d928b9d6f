"""The states of the tasks in a drawing: one ``Mark`` per task name.

A caller passes a run (its handle or its status), or a mapping from task names to states. A name
that the drawing does not have is refused: it would not appear anywhere. A task without an entry is
drawn without a state. Nothing here imports what needs Redis: a run's handle and status are
recognized by their attributes.

A mapped task is one mark too, with the number of its items in each state. A task of a status has
these numbers as ``items``: ``{state: number of items}``. In a mapping from names to states, the
same may stand for a state. While a mapped task is pending, its items say what it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ..basics.suggestions import unknown_name
from ..core.states import TASK_OVER, TaskState
from ..exceptions import TaskNotFoundError


class HasState(Protocol):
    """The attributes of a ``TaskStatus`` that a mark needs."""

    @property
    def state(self) -> TaskState:
        """The state of the task."""
        ...

    @property
    def duration(self) -> float | None:
        """Seconds that its last attempt took, None if unknown."""
        ...

    @property
    def attempt(self) -> int:
        """The number of its last attempt."""
        ...

    @property
    def error(self) -> str | None:
        """The error of its last attempt."""
        ...


class HasNameAndState(HasState, Protocol):
    """The attributes of a ``TaskStatus`` that a drawing needs."""

    @property
    def name(self) -> str:
        """The name of the task."""
        ...


class HasTasks(Protocol):
    """The attributes of a ``RunStatus`` that a drawing needs."""

    @property
    def tasks(self) -> Sequence[HasNameAndState]:
        """All tasks of the run."""
        ...


class HasStatus(Protocol):
    """The methods of a ``RunHandle`` that a drawing needs."""

    def status(self) -> HasTasks:
        """Return the state of its tasks."""
        ...


ItemCounts: TypeAlias = Mapping[TaskState, int]
State: TypeAlias = "TaskState | HasState | str | Mapping[TaskState, int] | Mapping[str, int]"
States: TypeAlias = "Mapping[str, State] | HasTasks | HasStatus"

# The state of a mapped task of which only the states of its items are known: the first of these.
_FIRST = (
    *(TaskState.RUNNING, TaskState.WAITING, TaskState.QUEUED, TaskState.PENDING),
    *(TaskState.FAILED, TaskState.CANCELLED, TaskState.UPSTREAM_FAILED, TaskState.SUCCEEDED),
    TaskState.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of one task. ``duration``: of its last attempt in seconds, None if unknown.

    ``items``: of a mapped task, the number of items in each state.
    """

    state: TaskState
    duration: float | None = None
    attempt: int = 0
    error: str | None = None
    items: ItemCounts = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The state, the duration if known, and the attempt if it is not the first."""
        parts = [self.state.value.replace("_", " ")]
        if self.duration is not None:
            parts.append(duration_text(self.duration))
        if self.attempt > 1:
            parts.append(f"attempt {self.attempt}")
        if self.items:
            parts.append(_items_text(self.items))
        return " · ".join(parts)


def marks_of(dag_name: str, names: Collection[str], states: States) -> dict[str, Mark]:
    """Return a mark for each task in ``states``.

    ``states``: ``{task name: state}``, where a state is a TaskState, its value or a TaskStatus; or
    a RunStatus; or a RunHandle, whose status is then read. Raises TaskNotFoundError for a name that
    is not in ``names``, TypeError or ValueError for an invalid state, and what ``RunHandle.status``
    raises.
    """
    given = _by_name(states)
    known = set(names)
    for name in given:
        if name not in known:
            problem = unknown_name("task", str(name), sorted(known))
            raise TaskNotFoundError(
                f"DAG {dag_name!r}: states has an {problem} To draw a run of an earlier version "
                "of a DAG, ask the run: RunHandle.status().to_svg()."
            )
    return {name: _mark(name, state) for name, state in given.items()}


def _by_name(states: States) -> Mapping[str, State]:
    if isinstance(states, Mapping):
        return states
    read_status = getattr(states, "status", None)
    status = read_status() if callable(read_status) else states
    tasks = getattr(status, "tasks", None)
    if not isinstance(tasks, list):
        raise TypeError(
            "states must be a mapping from task names to states, a RunStatus or a RunHandle, "
            f"not {states!r}."
        )
    return {task.name: task for task in tasks}


def _mark(name: str, given: State) -> Mark:
    if isinstance(given, str):
        return Mark(_state(name, given))
    if isinstance(given, Mapping):
        items = _items(name, given)
        return Mark(_shown(items), items=items)
    if not isinstance(getattr(given, "state", None), TaskState):
        raise TypeError(f"Task {name!r}: its state must be a TaskState or a TaskStatus: {given!r}.")
    counts = getattr(given, "items", None)  # of a status; a task that is not mapped has none
    items = _items(name, counts) if isinstance(counts, Mapping) else {}
    state = _shown(items) if items and given.state is TaskState.PENDING else given.state
    return Mark(state, given.duration, given.attempt, given.error, items)


def _shown(items: ItemCounts) -> TaskState:
    return next((state for state in _FIRST if items.get(state)), TaskState.SUCCEEDED)


def _items(name: str, counts: Mapping[TaskState, int] | Mapping[str, int]) -> ItemCounts:
    return {_state(name, state): count for state, count in counts.items()}


def _state(name: str, given: str) -> TaskState:
    try:
        return TaskState(given)
    except ValueError:
        problem = unknown_name("state", given, [state.value for state in TaskState])
        raise ValueError(f"Task {name!r}: {problem}") from None


def _items_text(items: ItemCounts) -> str:
    """Return how many items are over, and how many did not succeed: "7/9 items, 1 failed"."""
    over = sum(count for state, count in items.items() if state in TASK_OVER)
    parts = [f"{over:,}/{sum(items.values()):,} items"]
    for state in TaskState:
        if items.get(state) and state in TASK_OVER and state is not TaskState.SUCCEEDED:
            parts.append(f"{items[state]:,} {state.value.replace('_', ' ')}")
    return ", ".join(parts)


def duration_text(seconds: float) -> str:
    """Return a duration for display, with a useful precision."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
