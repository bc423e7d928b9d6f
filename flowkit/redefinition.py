"""Defining a task again: a notebook cell that is run once more, a module that is reloaded.

The new task takes the place of the earlier one of its reference and name. Otherwise a DAG that
covers everything would hold both, the old one with the old code. The rules:

1.  It is a new definition if the function was compiled anew, and so was the code that defined it.
    So a factory that makes one name twice, or a module that does, is told so when its DAG is run
    (DuplicateTaskError) and loses nothing in silence.
2.  Edges drawn outside of DAG blocks, and tasks bound from the earlier one, go with it: the new
    definition draws and binds its own.
3.  DAGs that name their tasks, and blocks, keep what they have until they are made again.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

if TYPE_CHECKING:
    from .task import Task


def definer_of(func: Any) -> ReferenceType[CodeType] | None:
    """Return the code that is defining ``func`` as a task: of a cell, a module, a factory.

    To be called by the constructor. Helpers of other modules in between are passed over.
    """
    module = getattr(func, "__module__", None)
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") != module:
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return ref(frame.f_code)


def is_redefinition(old: Task, new: Task) -> bool:
    """Tell whether ``new`` is what became of ``old``, two tasks of one reference and name."""
    codes = _code_of(old.func), _code_of(new.func)
    if None in codes or codes[0] is codes[1]:
        return False
    before, now = old._definer, new._definer
    return before is None or now is None or before() is not now()


def replace(tasks: list[Task], old: Task, new: Task) -> None:
    """Put ``new`` in the place of ``old`` and take out what belongs to ``old`` alone."""
    new._in_dag = old._in_dag
    for task in [old, *(one for one in tasks if one.base is old)] if old.has_bound_tasks else [old]:
        _unlink(task)
    if old.has_bound_tasks:
        tasks[:] = [task for task in tasks if task.base is not old or task is old]
        for place, task in enumerate(tasks):
            task._place = place
    # In constant time: a factory may define a hundred thousand anew.
    if old._place < len(tasks) and tasks[old._place] is old:
        tasks[old._place], new._place = new, old._place
    else:  # somebody has changed the list
        with suppress(ValueError):
            tasks.remove(old)
        new._place = len(tasks)
        tasks.append(new)


def _unlink(task: Task) -> None:
    for upstream in task.upstream:
        with suppress(ValueError):
            upstream.downstream.remove(task)
    for downstream in task.downstream:
        with suppress(ValueError):
            downstream.upstream.remove(task)
    task.upstream.clear()
    task.downstream.clear()


def _code_of(func: Any) -> CodeType | None:
    while isinstance(func, partial):
        func = func.func
    code = getattr(inspect.unwrap(func), "__code__", None)
    return code if isinstance(code, CodeType) else None
