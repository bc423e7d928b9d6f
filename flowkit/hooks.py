"""Hooks: functions that are called when a task or a run has come to a certain end.

A hook is a task. It runs where tasks run, has its own retries and timeout if it is made with
``@task``, is seen in the status of the run as ``TASK.on_failure`` or ``DAG.on_success``, and is
not lost with a worker. The rules:

1.  It is called with one ``HookEvent``; further parameters are filled with run parameters.
2.  A hook on a task runs when that task is over and ended so; one of the run when all else is over.
    Hooks run after a failure that stops the run, too; never after a cancel.
3.  The run waits for its hooks. One that raises is logged and recorded like any task, and changes
    nothing about how the run ends. What a hook returns is not among the results.
4.  ``on_retry`` is the exception: a retry is no end, so that hook is a plain function, called in
    a thread of its own in the process that decided to retry, and no task waits for it. If it
    raises, a warning is logged. It does not hear of attempts that ended with their process (a
    timeout on workers, a killed worker).
5.  A task that is called directly, without a DAG, calls no hook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .callables import is_async
from .core.triggers import Trigger
from .exceptions import DAGError
from .functions import ref_of
from .invoke import plan_for
from .task import Task

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a hook is told.

    ``event``: "task_failed", "task_skipped", "task_retry", "run_succeeded" or "run_failed".
    ``task``: whose end it is, for a failed run the first task that failed; None if no task is to
    blame. ``attempt``: its last one, from 1; 0 if it made none. ``delay``: seconds until the next
    attempt, for "task_retry" only. The error is described in words, the same here and on workers.
    """

    event: str
    run_id: str
    dag: str
    params: Mapping[str, object]
    task: str | None = None
    attempt: int = 0
    error_type: str = ""
    error_message: str = ""
    traceback: str = ""
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of a DAG: ``DAG("etl", hooks=Hooks(on_failure=alert))``.

    ``on_success``, ``on_failure``: called once, when the run has succeeded or failed.
    ``on_skip``: for each task that was skipped. ``on_retry``: before each wait for another attempt.
    Each is a function or a Task that takes the ``HookEvent`` as its first argument.
    """

    on_success: Hook | None = None
    on_failure: Hook | None = None
    on_retry: Hook | None = None
    on_skip: Hook | None = None

    def __post_init__(self) -> None:
        """Check and register, so that workers find them. Raises TypeError."""
        for name in ("on_success", "on_failure", "on_skip"):
            hook = getattr(self, name)
            if hook is not None:
                as_task(f"Hooks: {name}", hook)
        if self.on_retry is not None and is_async(as_task("Hooks: on_retry", self.on_retry).func):
            raise TypeError(
                "Hooks: on_retry is called between two attempts, so it must be an ordinary "
                "function, not an async one."
            )

    @property
    def retry_ref(self) -> str:
        """Where workers find ``on_retry``, "" if there is none."""
        return "" if self.on_retry is None else as_task("on_retry", self.on_retry).ref


_EVENTS = {
    Trigger.TASK_FAILED: "task_failed",
    Trigger.TASK_SKIPPED: "task_skipped",
    Trigger.RUN_SUCCEEDED: "run_succeeded",
    Trigger.RUN_FAILED: "run_failed",
}


def event_name(trigger: Trigger) -> str:
    """Return what the event of a hook with that trigger is called."""
    return _EVENTS[trigger]


def as_task(what: str, hook: Hook) -> Task:
    """Return the task that a hook is: itself, or one made of it that no DAG covers by itself.

    ``what`` is named in the TypeError for something that cannot take an event.
    """
    task = hook if isinstance(hook, Task) else None
    if task is None:
        if not callable(hook) or isinstance(hook, type):
            raise TypeError(f"{what} must be a function that takes a HookEvent, not {hook!r}.")
        known = Task._by_ref.get(ref_of(hook))
        task = known if known is not None and known.func is hook else Task.unlisted(hook)
    plan = plan_for(task)
    if not plan.positional and not plan.takes_any_positional:
        raise TypeError(
            f"{what}: {task.name!r} must take the HookEvent as its first positional argument."
        )
    return task


def hook_tasks(
    dag_name: str, tasks: Sequence[Task], hooks: Hooks | None
) -> tuple[list[Task], list[tuple[Task, Task]]]:
    """Return the tasks that are hooks, to be put behind ``tasks``, and the edges that lead to them.

    Raises DAGError for a hook that is one of the tasks: it would run with them as well.
    """
    hooks, inside = hooks or Hooks(), set(tasks)
    found: list[Task] = []
    edges: list[tuple[Task, Task]] = []

    def add(hook: Hook | None, owner: str, name: str, trigger: Trigger) -> Task | None:
        if hook is None:
            return None
        task = as_task(name, hook)
        if task in inside:
            raise DAGError(
                f"DAG {dag_name!r}: {task.name!r} is the {name} hook of {owner!r} and a task of "
                "that DAG as well. Leave it out of the DAG, or write a function for the hook."
            )
        found.append(_node(task, f"{owner}.{name}", trigger))
        return found[-1]

    for task in tasks:
        skips = hooks.on_skip if _may_be_skipped(task) else None
        for hook, name, trigger in (
            (task.on_failure, "on_failure", Trigger.TASK_FAILED),
            (skips, "on_skip", Trigger.TASK_SKIPPED),
        ):
            node = add(hook, task.name, name, trigger)
            if node is not None:
                edges.append((task, node))
    add(hooks.on_success, dag_name, "on_success", Trigger.RUN_SUCCEEDED)
    add(hooks.on_failure, dag_name, "on_failure", Trigger.RUN_FAILED)
    return found, edges


def _may_be_skipped(task: Task) -> bool:
    by_trigger = task.policy.trigger in (Trigger.ALL_SUCCEEDED, Trigger.ANY_SUCCEEDED)
    return task.when is not None or by_trigger


def _node(hook: Task, name: str, trigger: Trigger) -> Task:
    """Return a copy of ``hook`` for one place in a DAG."""
    node = Task.__new__(Task)
    node.__dict__.update(hook.__dict__)
    node.name = name
    node._options = replace(hook._options, policy=replace(hook.policy, trigger=trigger))
    node.upstream, node.downstream = [], []
    return node
