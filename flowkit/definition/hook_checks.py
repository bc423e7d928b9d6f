"""What can be a hook: a function, or a task, that takes a ``HookEvent``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .call_plan import plan_for
from .task_like import TaskLike

Made = TypeVar("Made", bound=TaskLike)


def hook_task(what: str, hook: object, make: Callable[[Callable[..., Any]], Made]) -> Made:
    """Return the hook as a task, with ``make``, which is ``Task.of``.

    ``what`` is named in the TypeError for a hook that cannot take an event.
    """
    if not callable(hook) or isinstance(hook, type):
        raise TypeError(f"{what} must be a function that takes a HookEvent, not {hook!r}.")
    task = make(hook)
    if task.map_options is not None:
        raise TypeError(
            f"{what} cannot be the mapped task {task.name!r}. Give the original task: the hook of "
            "a mapped task is called for each of its items anyway."
        )
    plan = plan_for(task)
    if not plan.positional and not plan.takes_any_positional:
        raise TypeError(
            f"{what}: {task.name!r} must take the HookEvent as its first positional argument."
        )
    return task
