"""Pickling tasks, for process pools of the user's own.

``@task`` puts the task in the place of its function. So a task is pickled as its function would
be, by module and name, and a task that was bound or mapped from it with its arguments. A task that
the other process would not find, such as one defined in a function or a notebook, is pickled by
value, which ``cloudpickle`` can do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ..basics.main_module import main_can_be_imported
from .edges import disconnect
from .functions import attribute_at
from .task_like import TaskLike


def reduction(task: TaskLike) -> str | tuple[Any, ...] | None:
    """Return what ``__reduce_ex__`` returns for a task, None to pickle it by value."""
    name = _name_of(task.base)
    if name is None:
        return None
    if task.base is task:
        return name
    bound = task.base, task.name, dict(task.kwargs)
    return _bound, bound if task.map_options is None else (*bound, task.map_options)


def _name_of(base: Any) -> str | None:
    """Return the name under which another process finds a task in its module, None for none."""
    module, name = base.__module__, base.__qualname__
    if module == "__main__" and not main_can_be_imported():
        return None
    return str(name) if attribute_at(sys.modules.get(module), name) is base else None


def _bound(base: Any, name: str, kwargs: Mapping[str, Any], map_options: Any = None) -> Any:
    """Make a copy of a bound or mapped task, which no DAG covers."""
    task = base.__class__.__new__(base.__class__)
    task.__dict__.update(base.__dict__)
    task.name, task.kwargs = name, MappingProxyType(kwargs)
    task.map_options = map_options
    disconnect(task)
    return task
