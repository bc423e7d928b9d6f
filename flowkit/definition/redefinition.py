"""Defining a task again, when a notebook cell is rerun or a module is reloaded.

The new task replaces the earlier one with its reference and name. Otherwise a DAG that covers
everything would contain both, the old one with the old code. The rules:

1.  It is a new definition if the function and the code that defined it were both compiled again.
    So if a factory or a module defines one name twice, running its DAG raises DuplicateTaskError,
    and no task is lost silently.
2.  Edges drawn outside of DAG blocks, and tasks bound from the earlier task, are removed with it:
    the new definition draws and binds again.
3.  DAGs that name their tasks, and blocks, keep their tasks until they are defined again.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from functools import partial
from types import CodeType
from typing import Any
from weakref import ReferenceType, ref

from .task_like import TaskLike


def definer_of(func: Any) -> ReferenceType[CodeType] | None:
    """Return the code that defines ``func`` as a task: of a cell, a module or a factory.

    Only the constructor calls this. Helpers of other modules in between are skipped.
    """
    module = getattr(func, "__module__", None)
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") != module:
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return ref(frame.f_code)


def register(task: TaskLike) -> None:
    """Register a new task, in the place of the one that it redefines."""
    kind, key = type(task), (task.ref, task.name)
    old = kind._by_ref_and_name.get(key)
    if old is not None and is_redefinition(old, task):
        replace(kind._all_tasks, old, task)
    else:
        task._place = len(kind._all_tasks)
        kind._all_tasks.append(task)
    kind._by_ref_and_name[key] = kind._by_ref[task.ref] = task


def is_redefinition(old: TaskLike, new: TaskLike) -> bool:
    """Return whether ``new`` redefines ``old``. Both have the same reference and name."""
    codes = _code_of(old.func), _code_of(new.func)
    if None in codes or codes[0] is codes[1]:
        return False
    before, now = old._definer, new._definer
    return before is None or now is None or before() is not now()


def replace(tasks: list[Any], old: TaskLike, new: TaskLike) -> None:
    """Put ``new`` in the place of ``old`` and remove what belongs only to ``old``."""
    new._in_dag = old._in_dag
    bound = [task for task in tasks if task.base is old] if old.has_bound_tasks else []
    for task in (old, *bound):
        _unlink(task)
    if old.has_bound_tasks:
        tasks[:] = [task for task in tasks if task.base is not old or task is old]
        for place, task in enumerate(tasks):
            task._place = place
    # In constant time: a factory may redefine a hundred thousand tasks.
    if old._place < len(tasks) and tasks[old._place] is old:
        tasks[old._place], new._place = new, old._place
    else:  # the user has changed the list
        with suppress(ValueError):
            tasks.remove(old)
        new._place = len(tasks)
        tasks.append(new)


def _unlink(task: TaskLike) -> None:
    for upstream in task.upstream:
        with suppress(ValueError):
            upstream.downstream.remove(task)
    for downstream in task.downstream:
        with suppress(ValueError):
            downstream.upstream.remove(task)
    for earlier in task._after or ():
        (earlier._before or {}).pop(task, None)
    for later in task._before or ():
        (later._after or {}).pop(task, None)
    task.upstream.clear()
    task.downstream.clear()
    task._after = task._before = None


def _code_of(func: Any) -> CodeType | None:
    while isinstance(func, partial):
        func = func.func
    code = getattr(inspect.unwrap(func), "__code__", None)
    return code if isinstance(code, CodeType) else None
