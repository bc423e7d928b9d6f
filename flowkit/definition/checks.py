"""Checks before a run is accepted: its options, its parameters, and whether workers find its tasks.

All errors are raised before anything runs: a run must not fail after an hour because of a typo.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from ..basics.suggestions import unknown_name
from ..exceptions import NotImportableError, ParameterError
from .call_plan import missing_parameters, plan_for
from .functions import attribute_at
from .hooks import Hooks
from .indexing import IndexedDAG
from .task import Task, registered_task


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


def check_params(dag_name: str, indexed: IndexedDAG, params: Mapping[str, object]) -> None:
    """Raise ParameterError for a parameter that no task takes, or that is missing."""
    has_upstream = indexed.graph.has_upstream
    offered: dict[str, None] = {}
    lacking: tuple[Task, str] | None = None
    for index, (task, count) in enumerate(zip(indexed.tasks, indexed.argument_counts, strict=True)):
        plan, fixed = plan_for(task), task.kwargs
        for name in plan.open_names(count):
            if name not in fixed:
                offered[name] = None
        never_runs = plan.when is not None and not count and not has_upstream(index)
        if lacking is None and plan.required and not never_runs:
            missing = missing_parameters(plan, count, params, fixed)
            lacking = (task, missing[0]) if missing else None
    for key in params:
        if key not in offered:
            sentence = unknown_name("parameter", str(key), list(offered))
            raise ParameterError(
                f"DAG {dag_name!r}: {sentence} A task takes a run parameter by declaring it.",
                str(key),
            )
    if lacking is not None:
        raise _lacks(dag_name, *lacking)


def check_importable(tasks: Sequence[Task]) -> None:
    """Raise NotImportableError for a task that a worker cannot find by its reference."""
    for task in dict.fromkeys(task.base for task in tasks):
        problem = _why_not_importable(task)
        if problem:
            raise NotImportableError(
                f"Task {task.name!r} ({task.ref}) cannot run on a worker: {problem}",
                task.name,
                task.ref,
            )


def _lacks(dag_name: str, task: Task, parameter: str) -> ParameterError:
    by_name = parameter in plan_for(task).keyword
    ways = (
        f"Pass params={{{parameter!r}: …}}, fix it with .bind({parameter}=…), draw an edge to it, "
        "or give it a default."
        if by_name
        else "It is positional-only, so draw an edge to it, or give it a default."
    )
    return ParameterError(
        f"Task {task.name!r} of DAG {dag_name!r} lacks its parameter {parameter!r}: no upstream "
        f"task, fixed argument or run parameter fills it. {ways}",
        parameter,
        task.name,
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
    return (
        f"workers find tasks by their function, and {task.ref} is now another task (defined "
        "later, or made of the same function). For several tasks of one function use .bind('…'); "
        "do not define one function twice."
    )


def _is_at(module: str, qualname: str, task: Task) -> bool:
    value = attribute_at(sys.modules.get(module), qualname)
    return value is task or value is task.func
