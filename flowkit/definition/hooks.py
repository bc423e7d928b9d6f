"""Hooks: functions that are called when a task or a run ends in a certain way.

A hook is a task. It runs where tasks run, has retries and a timeout if it is made with ``@task``,
appears in the status of the run as ``TASK.on_failure`` or ``DAG.on_success``, and is not lost if a
worker dies. The rules:

1.  A hook is called with one ``HookEvent``. Its further parameters are filled with run parameters.
2.  The hook of a task runs when that task has ended in that way. A hook of the run runs when
    everything else has ended. Hooks also run after a failure that stops the run, but never after
    a cancellation.
3.  The run waits for its hooks. A hook that raises is logged and recorded like any task, and does
    not change how the run ends. Results of hooks are not among the results of the run.
4.  ``on_retry`` differs, because a retry is not an end: it is a plain function, called in a
    separate thread of the process that decided to retry, and no task waits for it. If it raises, a
    warning is logged. It is not called for attempts that ended with their process (a timeout on
    workers, a killed worker).
5.  A task that is called directly, without a DAG, calls no hook.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.triggers import Trigger
from ..exceptions import DAGError
from .callables import is_async
from .hook_checks import hook_task
from .task import Task

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class HookEvent:
    """The argument of a hook.

    ``event``: "task_failed", "task_skipped", "task_retry", "run_succeeded" or "run_failed".
    ``task``: the task that ended; for a failed run, the first task that failed; None if there is
    no such task. ``attempt``: the number of its last attempt, from 1; 0 if it had none. ``delay``:
    seconds until the next attempt, for "task_retry" only. ``error_type``, ``error_message`` and
    ``traceback`` describe the error in the same words in this process and on workers.
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
    ``on_skip``: called for each skipped task. ``on_retry``: called before each wait for a retry.
    Each is a function or a Task that takes the ``HookEvent`` as its first argument.
    """

    on_success: Hook | None = None
    on_failure: Hook | None = None
    on_retry: Hook | None = None
    on_skip: Hook | None = None

    def __post_init__(self) -> None:
        """Check the hooks and register them, so that workers find them. Raises TypeError."""
        for name in ("on_success", "on_failure", "on_skip"):
            hook = getattr(self, name)
            if hook is not None:
                hook_task(f"Hooks: {name}", hook, Task.of)
        if self.on_retry is None:
            return
        if is_async(hook_task("Hooks: on_retry", self.on_retry, Task.of).func):
            raise TypeError(
                "Hooks: on_retry is called between two attempts, so it must be an ordinary "
                "function, not an async one."
            )

    @property
    def retry_ref(self) -> str:
        """The reference by which workers find ``on_retry``, "" if there is none."""
        return "" if self.on_retry is None else Task.of(self.on_retry).ref


_EVENTS = {
    Trigger.TASK_FAILED: "task_failed",
    Trigger.TASK_SKIPPED: "task_skipped",
    Trigger.RUN_SUCCEEDED: "run_succeeded",
    Trigger.RUN_FAILED: "run_failed",
}


def event_name(trigger: Trigger) -> str:
    """Return the name of the event of a hook with that trigger."""
    return _EVENTS[trigger]


def hook_tasks(
    dag_name: str, tasks: Sequence[Task], hooks: Hooks | None
) -> tuple[list[Task], list[tuple[Task, Task]]]:
    """Return the tasks for the hooks, which follow ``tasks``, and the edges to them.

    Raises DAGError for a hook that is one of the tasks: it would also run as such.
    """
    hooks, inside = hooks or Hooks(), set(tasks)
    nodes: list[Task] = []
    edges: list[tuple[Task, Task]] = []

    def add(hook: Hook | None, owner: str, name: str, trigger: Trigger) -> Task | None:
        if hook is None:
            return None
        task = hook_task(name, hook, Task.of)
        if task in inside:
            raise DAGError(
                f"DAG {dag_name!r}: {task.name!r} is the {name} hook of {owner!r} and also a task "
                "of that DAG. Leave it out of the DAG, or write a function for the hook."
            )
        nodes.append(_node(task, f"{owner}.{name}", trigger))
        return nodes[-1]

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
    return nodes, edges


def _may_be_skipped(task: Task) -> bool:
    by_trigger = task.policy.trigger in (Trigger.ALL_SUCCEEDED, Trigger.ANY_SUCCEEDED)
    return task.when is not None or by_trigger


def _node(hook: Task, name: str, trigger: Trigger) -> Task:
    """Return a copy of ``hook`` for one place in a DAG."""
    node = Task.__new__(Task)
    node.__dict__.update(hook.__dict__)
    node.name = name
    node._options = replace(hook._options, policy=replace(hook.policy, trigger=trigger))
    node.upstream, node.downstream, node._after, node._before = [], [], None, None
    return node
