"""Bound and mapped tasks: their names, and who keeps them alive.

A bound task without a given name is named after its task, with a number. The rules:

1.  Each DAG counts its own bound tasks. In a block, numbers start with 2. Outside of blocks,
    numbers count the bound tasks that no DAG has; if a DAG gets a task whose number it already has,
    it gives the task the next number. So a DAG that is built again has the same names, and a resume
    finds its results.
2.  A bound task is kept alive by its DAG. The registry keeps only those that were bound outside of
    a block and that no DAG has taken yet, for the DAG that covers everything. So a DAG that is
    built for each request is freed with all its tasks and their arguments.
3.  Earlier releases counted across the whole program. A task remembers the name that it would have
    had there, so that a resume finds what such a release has recorded (local/record.py).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from ..core.names import check_name
from .edges import Scope
from .task_like import TaskLike

_MOST_EARLIER_NAMES = 10_000


class BoundNames:
    """The names of the tasks bound from one task.

    ``free``: names of those that were bound outside of blocks and that no DAG has. ``ever``: names
    of all, as earlier releases counted them; at most 10,000, since a program may keep binding.
    """

    __slots__ = ("ever", "free")

    def __init__(self) -> None:
        self.free: set[str] = set()
        self.ever: set[str] = set()

    def earlier_name(self, base: str, name: str | None) -> str | None:
        """Return the name that an earlier release would give, None if it is unknown."""
        if len(self.ever) >= _MOST_EARLIER_NAMES:
            return None
        earlier = _next_name(base, self.ever) if name is None else name
        self.ever.add(earlier)
        return earlier


def name_bound(bound: TaskLike, name: str | None, scope: Scope | None) -> None:
    """Name a new bound task, and register it unless it belongs to a block.

    ``name``: None for the next number. ``scope``: the innermost open block, None for none.
    """
    base = bound.base
    taken = base._bound_names.free if scope is None else scope.bound_names(base)
    bound.name = _next_name(base.name, taken) if name is None else check_name("task", name)
    taken.add(bound.name)
    bound._earlier_name = base._bound_names.earlier_name(base.name, name)
    bound._is_numbered = name is None and scope is None
    _register(bound, scope)


def name_mapped(mapped: TaskLike, name: str, scope: Scope | None) -> None:
    """Name a new mapped task, and register it likewise. It takes no number of a bound task."""
    mapped.name = check_name("task", name)
    mapped._earlier_name, mapped._is_numbered = None, False
    _register(mapped, scope)


def _register(task: TaskLike, scope: Scope | None) -> None:
    task._in_dag, task._is_mentioned = False, False
    task._is_listed = scope is None
    if scope is None:
        tasks = type(task)._all_tasks
        task._place = len(tasks)
        tasks.append(task)


def claim(task: TaskLike, names: set[str]) -> None:
    """Note that a DAG has taken ``task``.

    ``names``: the names of the DAG's tasks bound from the same task. From now on no other DAG
    covers ``task`` as a registered task.
    """
    is_first, task._in_dag = not task._in_dag, True
    if task.base is task:
        return
    if is_first and task._is_listed:
        _unlist(task)
        if task._is_numbered and task.name in names:
            task.name = _next_name(task.base.name, names)
    if task.map_options is None:
        names.add(task.name)


def _unlist(task: TaskLike) -> None:
    task._is_listed = False
    if task.map_options is None:
        task.base._bound_names.free.discard(task.name)
    tasks = type(task)._all_tasks
    if tasks and tasks[-1] is task:  # the usual case: dag.add(part.bind(…))
        tasks.pop()
        return
    with suppress(ValueError):
        tasks.remove(task)


def _next_name(base: str, taken: Collection[str]) -> str:
    number = len(taken) + 2
    while f"{base}_{number}" in taken:
        number += 1
    return check_name("task", f"{base}_{number}")
