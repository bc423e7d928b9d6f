"""Checks before a run is accepted: its options, its parameters, and whether workers find its tasks.

All errors are raised before anything runs: a run must not fail after an hour because of a typo.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .core.retry import MAX_DELAY_S
from .core.states import RunState
from .exceptions import FlowkitError, NotImportableError, ParameterError
from .invoke import missing_parameters, plan_for
from .layout import IndexedDAG
from .options import unknown_name
from .settings import Settings
from .task import Task, registered_task

if TYPE_CHECKING:
    from .hooks import Hooks
    from .run_handle import RunHandle

EXECUTORS = ("thread", "process", "redis")


def check_executor(
    dag_name: str, executor: str, for_redis: Mapping[str, object], for_here: Mapping[str, object]
) -> None:
    """Raise FlowkitError for an unknown executor, or options (None: not given) of another one."""
    if executor not in EXECUTORS:
        raise FlowkitError(
            f"DAG {dag_name!r}: {unknown_name('executor', str(executor), EXECUTORS)}"
        )
    if executor == "redis" and any(value is not None for value in for_here.values()):
        raise FlowkitError(
            f"DAG {dag_name!r}: state=, resume= and from_task= belong to runs in this process; on "
            "workers each result is stored with its run. To resume a run, use `flowkit resume "
            "RUN_ID`, or resume() of its handle."
        )
    if executor != "redis" and any(value is not None for value in for_redis.values()):
        raise FlowkitError(
            f"DAG {dag_name!r}: redis= and namespace= belong to executor='redis'; with "
            f"executor={executor!r} they have no effect."
        )
    if for_here["resume"] and for_here["state"] is None:
        raise FlowkitError(
            f"DAG {dag_name!r}: resume=True needs the store of an earlier run: pass state=…."
        )
    if for_here["from_task"] is not None and not for_here["resume"]:
        raise FlowkitError(
            f"DAG {dag_name!r}: from_task= names the tasks that a resumed run runs again: also "
            "pass state=… and resume=True."
        )


def check_max_workers(value: object) -> int | None:
    """Return ``value`` if it is a valid bound of parallelism, otherwise raise."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"max_workers must be a whole number or None, not {value!r}.")
    if value < 1:
        raise ValueError(f"max_workers must be at least 1, not {value}.")
    return value


def check_timeout(value: object) -> float | None:
    """Return ``value`` if it is a valid timeout in seconds or None, otherwise raise."""
    return _seconds_or_none("timeout", value)


def check_since(value: object) -> float | None:
    """Return ``value`` if it is a valid number of past seconds or None, otherwise raise."""
    return _seconds_or_none("since", value)


def _seconds_or_none(name: str, value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}.")
    if not 0 <= value <= MAX_DELAY_S:
        raise ValueError(
            f"{name} must be 0 to {MAX_DELAY_S:g} seconds, or None for any time, not {value!r}."
        )
    return float(value)


def check_patience(value: object) -> float:
    """Return ``value`` if it is a valid patience in seconds, otherwise raise."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"patience must be a number of seconds, not {value!r}.")
    if not 0 <= value <= MAX_DELAY_S:
        raise ValueError(f"patience must be 0 to {MAX_DELAY_S:.0f} seconds, not {value!r}.")
    return float(value)


def check_settings(value: object) -> Settings:
    """Return ``value`` if it is a Settings object, otherwise raise TypeError."""
    if not isinstance(value, Settings):
        raise TypeError(
            f"settings must be Settings, as load_settings() returns them, not {value!r}. To give a "
            "URL, use Client.connect(URL)."
        )
    return value


def check_ttl(value: object) -> int:
    """Return ``value`` if it is a valid TTL of a run in seconds, otherwise raise."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"ttl must be a whole number of seconds, not {value!r}.")
    if not 1 <= value <= MAX_DELAY_S:
        raise ValueError(f"ttl must be 1 to {MAX_DELAY_S:.0f} seconds (10 years), not {value}.")
    return value


def check_dag(value: object, params: object = None) -> None:
    """Raise TypeError unless ``value`` is a DAG and ``params`` are valid run parameters."""
    from .dag import DAG

    if not isinstance(value, DAG):
        raise TypeError(f"dag must be a DAG, not {value!r}. Draw one with flowkit.DAG(…).")
    check_mapping(params)


def check_hooks(dag_name: str, value: object) -> Hooks | None:
    """Return ``value`` if it is a Hooks object or None, otherwise raise."""
    if value is None:
        return None
    from .hooks import Hooks

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


def check_many(value: object) -> list[Any]:
    """Return ``value`` as a list of run parameters, otherwise raise TypeError."""
    if not isinstance(value, Iterable):
        raise TypeError(
            "params must be a list with the parameters of each run (None for a run without), "
            f"not {value!r}."
        )
    given = list(value)
    for params in given:
        check_mapping(params)
    return given


def check_handles(value: object) -> list[RunHandle]:
    """Return ``value`` as a list of run handles, otherwise raise TypeError."""
    from .run_handle import RunHandle

    given: list[RunHandle] = []
    for item in value if isinstance(value, Iterable) else [value]:
        if not isinstance(item, RunHandle):
            raise TypeError(
                f"runs must be a list of handles, as submit() and run() return them, not {item!r}."
            )
        given.append(item)
    return given


def check_limit(value: object) -> int:
    """Return ``value`` if it is a valid limit of a listing, otherwise raise."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"limit must be a whole number, not {value!r}.")
    if value < 1:
        raise ValueError(f"limit must be at least 1, not {value}.")
    return value


def check_run_state(value: object) -> RunState | None:
    """Return the run state that ``value`` names, None for any state, otherwise raise."""
    if value is None:
        return None
    names = [state.value for state in RunState]
    if value not in names:
        raise ValueError(unknown_name("state of a run", str(value), names))
    return RunState(value)


def check_mapping(value: object) -> None:
    """Raise TypeError unless ``value`` is a mapping or None."""
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"params must be a mapping from names to values, not {value!r}.")


def check_params(dag_name: str, indexed: IndexedDAG, params: Mapping[str, object]) -> None:
    """Raise ParameterError for a parameter that no task takes, or that is missing."""
    offered: dict[str, None] = {}
    lacking: tuple[Task, str] | None = None
    for task, count in zip(indexed.tasks, indexed.argument_counts(), strict=True):
        plan, fixed = plan_for(task), task.kwargs
        for name in plan.open_names(count):
            if name not in fixed:
                offered[name] = None
        never_runs = plan.when is not None and not count
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
    value: object = sys.modules.get(module)
    for part in qualname.split("."):
        value = getattr(value, part, None)
    return value is task or value is task.func
