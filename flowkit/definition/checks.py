"""Checks before a run is accepted: its options, and whether workers find its tasks.

All errors are raised before anything runs: a run must not fail after an hour because of a typo.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence

from ..basics.suggestions import unknown_name
from ..exceptions import NotImportableError
from .calls import CallTask
from .foreign_words import DAG_OPTIONS
from .functions import attribute_at
from .hooks import Hooks
from .task import Task, registered_task


def refuse_unknown_options(dag_name: str, given: Iterable[str], init: Callable[..., None]) -> None:
    """Raise TypeError for an option that a DAG does not have. ``init``: what takes its options."""
    for option in given:
        known = [
            parameter.name
            for parameter in inspect.signature(init).parameters.values()
            if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
        ]
        problem = unknown_name("option", option, known, DAG_OPTIONS.get(option))
        raise TypeError(f"DAG {dag_name!r}: {problem}")


def check_hooks(dag_name: str, value: object) -> Hooks | None:
    """Return ``value`` if it is a Hooks object or None, otherwise raise."""
    if value is None:
        return None
    if not isinstance(value, Hooks):
        raise TypeError(
            f"DAG {dag_name!r}: hooks must be Hooks(on_success=…, on_failure=…), not {value!r}."
        )
    return value


def check_tasks(dag_name: str, value: object) -> list[Task]:
    """Return ``value`` as the list of a DAG's tasks, otherwise raise TypeError."""
    given: list[Task] = []
    for task in value if isinstance(value, Iterable) else [value]:
        if not isinstance(task, Task):
            raise TypeError(
                f"DAG {dag_name!r}: tasks must be a list of tasks, and contains {task!r}. Is the "
                "function decorated with @task?"
            )
        given.append(task)
    if isinstance(value, Iterable):
        return given
    raise TypeError(f"DAG {dag_name!r}: tasks must be a list of tasks, not a task: tasks=[…].")


def check_importable(tasks: Sequence[Task]) -> None:
    """Raise NotImportableError for a task, or a label, that a worker cannot find."""
    for task in dict.fromkeys(task.base for task in tasks):
        problem = _why_not_importable(task)
        if problem:
            raise NotImportableError(
                f"Task {task.name!r} ({task.ref}) cannot run on a worker: {problem}",
                task.name,
                task.ref,
            )
    for mapped in tasks:
        if mapped.map_options is not None and mapped.map_options.label_ref:
            _check_label(mapped, mapped.map_options.label_ref)


def _check_label(task: Task, ref: str) -> None:
    label = registered_task(ref)
    problem = f"{ref} is not known." if label is None else _why_not_importable(label)
    if problem:
        raise NotImportableError(
            f"Task {task.name!r}: its label ({ref}) cannot be made on a worker: {problem}",
            task.name,
            ref,
        )


def _why_not_importable(task: Task) -> str | None:
    module, _, qualname = task.ref.partition(":")
    if "<lambda>" in qualname:
        return "it is a lambda. Write it as a function at the top level of a module."
    if "<locals>" in qualname:
        return "it is defined inside a function. Move it to the top level of its module."
    if "<" in qualname:
        return "it is not a plain function. Write it with `def`, and use .bind(…) to fix arguments."
    if module == "__main__":
        return (
            "it belongs to the script that is running, and workers cannot import that. Start the "
            "file with `flowkit run FILE` or `flowkit submit FILE`, or move the tasks into a "
            "module that the script imports."
        )
    registered = registered_task(task.ref)
    if registered is task or (registered is None and _is_at(module, qualname, task)):
        return None
    if isinstance(task.func, CallTask):
        if registered is None or _is_equal(task, registered):
            return None
        return (
            f"workers find such tasks by their names, and {task.name!r} is now another task of DAG "
            f"{task.func.dag.name!r} in module {module!r}. Give one of them another name: "
            f"{task.func.dag.name}.as_task('…')."
        )
    return (
        f"workers find tasks by their function, and {task.ref} is now another task (defined "
        "later, or made of the same function). For several tasks of one function use .bind('…'); "
        "do not define one function twice."
    )


def _is_equal(task: Task, other: Task) -> bool:
    """Return whether two tasks that call DAGs do the same."""
    is_like = isinstance(task.func, CallTask) and task.func.is_like(other.func)
    return is_like and task._options == other._options


def _is_at(module: str, qualname: str, task: Task) -> bool:
    value = attribute_at(sys.modules.get(module), qualname)
    return value is task or value is task.func
