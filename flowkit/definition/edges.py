"""Drawing edges: what ``>>``, ``after`` and ``before`` do.

An edge drawn within a ``with DAG(…)`` block belongs to that DAG only. An edge drawn elsewhere is
stored on its two tasks. A task named in an edge always belongs to the DAG, even if the list at the
other end is empty. Anything that is not a task is refused before any edge is drawn.

``>>`` draws a data edge: the downstream task gets the result. ``after`` and ``before`` draw an
order edge: it only waits. Where both connect two tasks, the data edge counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Connectable(Protocol):
    """What edges need of a task."""

    upstream: list[Any]
    downstream: list[Any]
    _after: dict[Any, None] | None
    _before: dict[Any, None] | None
    _is_mentioned: bool


class Scope(Protocol):
    """The interface of a block for the edges drawn in it: the members of a DAG."""

    def draw(self, upstream: Any, downstream: Any) -> None:
        """Add one edge."""

    def draw_order(self, upstream: Any, downstream: Any) -> None:
        """Add one order edge."""

    def add(self, task: Any) -> None:
        """Add a task."""

    def bound_names(self, base: Any) -> set[str]:
        """Return the names of its tasks that were bound from ``base``. Callers may add names."""


# The open ``with DAG`` blocks of this thread or coroutine, innermost last.
open_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("flowkit_scopes", default=())


def innermost_scope() -> Scope | None:
    """Return the innermost open block, None for none."""
    scopes = open_scopes.get()
    return scopes[-1] if scopes else None


def draw(upstream: Connectable, downstream: Connectable) -> None:
    """Draw an edge: in the innermost open block, or on the two tasks themselves."""
    scopes = open_scopes.get()
    if scopes:
        scopes[-1].draw(upstream, downstream)
        return
    # A drawn edge is in both lists; searching the shorter one keeps wide fan-outs linear.
    down, up = upstream.downstream, downstream.upstream
    known = downstream in down if len(down) <= len(up) else upstream in up
    if not known:
        down.append(downstream)
        up.append(upstream)


def draw_order(upstream: Connectable, downstream: Connectable) -> None:
    """Draw an order edge: in the innermost open block, or on the two tasks themselves."""
    scope = innermost_scope()
    if scope is not None:
        scope.draw_order(upstream, downstream)
        return
    if upstream._before is None:
        upstream._before = {}
    if downstream._after is None:
        downstream._after = {}
    upstream._before[downstream] = downstream._after[upstream] = None


def disconnect(task: Connectable) -> None:
    """Remove the edges of a copy of a task, which so far are those of its original."""
    task.upstream, task.downstream = [], []
    if task._after is not None or task._before is not None:  # rare, and a smaller dict is faster
        task._after = task._before = None


def mention(task: Connectable) -> None:
    """Add a task to the DAG whose edge has an empty list at its other end."""
    scope = innermost_scope()
    if scope is not None:
        scope.add(task)
    else:
        task._is_mentioned = True


def tasks_in(kind: type[T], name: str, other: object, arrow: str) -> Sequence[T]:
    """Return the tasks at the other end of an edge. Raises TypeError for anything else.

    ``kind``: the class of tasks. ``name``: the name of the task at this end; ``arrow`` points from
    or to it.
    """
    ends = other if isinstance(other, list | tuple) else (other,)
    for end in ends:
        if not isinstance(end, kind):
            edge = f"{name} >> {end!r}" if arrow == ">>" else f"{end!r} >> {name}"
            raise _not_a_task(edge, end)
    return ends


def tasks_of(kind: type[T], method: str, given: Sequence[object]) -> list[T]:
    """Return the tasks in the arguments of ``method``, each a task or a list of tasks.

    Raises TypeError for anything else.
    """
    tasks: list[T] = []
    for argument in given:
        for task in argument if isinstance(argument, list | tuple) else (argument,):
            if not isinstance(task, kind):
                raise _not_a_task(f"{method}({task!r})", task)
            tasks.append(task)
    return tasks


def _not_a_task(edge: str, end: object) -> TypeError:
    if callable(getattr(end, "as_task", None)):
        return TypeError(
            f"{edge}: an edge connects tasks, and this is a DAG. To run it as one task, make "
            'a task of it: dag.as_task("name").'
        )
    return TypeError(
        f"{edge}: an edge connects two tasks, or a task and a list of tasks, and this is "
        f"not a task but {type(end).__name__!r}. Is the function decorated with @task?"
    )
