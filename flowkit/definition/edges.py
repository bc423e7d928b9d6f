"""Drawing edges: what ``>>`` does.

An edge drawn within a ``with DAG(…)`` block belongs to that DAG only. An edge drawn elsewhere is
stored on its two tasks. A task named in an edge always belongs to the DAG, even if the list at the
other end is empty. Anything that is not a task is refused before any edge is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from .task_like import TaskLike

T = TypeVar("T")


class Scope(Protocol):
    """The interface of a block for the edges drawn in it: the members of a DAG."""

    def draw(self, upstream: Any, downstream: Any) -> None:
        """Add one edge."""

    def add(self, task: Any) -> None:
        """Add a task."""

    def bound_names(self, base: Any) -> set[str]:
        """Return the names of its tasks that were bound from ``base``. Callers may add names."""


# The open ``with DAG`` blocks of this thread or coroutine, innermost last.
open_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("flowkit_scopes", default=())


def draw(upstream: TaskLike, downstream: TaskLike) -> None:
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


def mention(task: TaskLike) -> None:
    """Add a task to the DAG whose edge has an empty list at its other end."""
    scopes = open_scopes.get()
    if scopes:
        scopes[-1].add(task)
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
            raise TypeError(
                f"{edge}: an edge connects two tasks, or a task and a list of tasks, and this is "
                f"not a task but {type(end).__name__!r}. Is the function decorated with @task?"
            )
    return ends
