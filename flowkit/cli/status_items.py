"""How ``flowkit status`` shows the items of mapped tasks: a bar in the row of the task, or a table.

There may be a million items, so they are counted, and only some of them are read.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from ..basics.counted import counted
from ..basics.suggestions import unknown_name
from ..core.mapped_sequence import TASK_ABOVE_FAILED
from ..core.states import TaskState
from .bar import bar, glyphs_for

if TYPE_CHECKING:
    from ..client.run_handle import RunHandle
    from ..client.status import RunStatus, TaskStatus

ALL_STATES = "all"
# Why a mapped task that is over has no items, if it has no error.
_NO_ITEMS = {
    TaskState.SUCCEEDED: "what it is mapped over has no elements",
    TaskState.SKIPPED: "it was skipped",
    TaskState.UPSTREAM_FAILED: TASK_ABOVE_FAILED,
    TaskState.CANCELLED: "it was cancelled",
}
BAR_CELLS = 10
_HEADERS = ["ITEM", "LABEL", "STATE", "ATTEMPT", "DURATION", "WORKER", "ERROR"]


def state_names(value: str, *others: str) -> list[str]:
    """Return the states of tasks in a list with commas. ``others``: words that are allowed too.

    Raises BadParameter.
    """
    names = [name.strip() for name in value.split(",")]
    known = [*(state.value for state in TaskState), *others]
    for name in names:
        if name not in known:
            raise click.BadParameter(unknown_name("state of a task", name, known))
    return names


def item_states(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> list[TaskState] | None:
    """Return the states of items to show, None if none are. A click callback."""
    if value is None:
        return None
    names = state_names(value, ALL_STATES)
    return list(TaskState) if ALL_STATES in names else [TaskState(name) for name in names]


def check_items(states: Collection[TaskState] | None, of_tasks: object, *, retried: bool) -> None:
    """Check options that go with ``--items``. ``of_tasks``: some are about tasks.

    Raises UsageError.
    """
    if states is None:
        return
    if of_tasks:
        raise click.UsageError("--items takes the states of items: omit --state and --no-tasks.")
    if retried and len(states) < len(TaskState):
        raise click.UsageError("--retried shows items in all states: omit those after --items.")


def shown_state(task: TaskStatus) -> str:
    """Return the state of a task as people see it."""
    from ..client import status

    return status.shown_state(task).value + (" (cached)" if task.cached else "")


def items_text(task: TaskStatus) -> str:
    """Return the items of a mapped task in a line, "" for another or without items."""
    if not task.items:
        return "" if task.items is None or task.state is TaskState.PENDING else "0 items"
    drawn = bar(task.items, BAR_CELLS, glyphs_for(sys.stdout.encoding))
    counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in task.items.items()]
    return f"{drawn} {counted(task.total_items, 'item')}: {', '.join(counts)}"


def find_items(
    handle: RunHandle,
    tasks: Sequence[TaskStatus],
    states: Collection[TaskState],
    limit: int,
    *,
    retried: bool = False,
) -> tuple[list[TaskStatus], int]:
    """Return items of the mapped tasks among these, at most ``limit``, and how many there are.

    ``retried``: only those with more than one attempt, in all states.
    """
    items: list[TaskStatus] = []
    total = 0
    for task in tasks:
        in_states = sum((task.items or {}).get(state.value, 0) for state in states)
        matching = task.retried_items if retried else in_states
        total += matching
        if matching and limit > len(items):
            most = limit - len(items)
            items += handle.items(task.name, states=states, limit=most, retried=retried)
    return items, max(total, len(items))


def _why_no_items(tasks: Sequence[TaskStatus]) -> list[str]:
    """Return why those of these mapped tasks that are over have no items."""
    reasons = {task.name: task.error or _NO_ITEMS.get(task.state) for task in tasks}
    return [
        f"{task.name} has no items: {reasons[task.name]}"
        for task in tasks
        if task.items is not None and not task.items and reasons[task.name]
    ]


def show_items(
    run: RunStatus,
    items: Sequence[TaskStatus],
    total: int,
    more: str,
    tasks: Sequence[TaskStatus] = (),
) -> None:
    """Print a table of items. ``more``: the command that shows all, if these are not all.

    ``tasks``: the mapped tasks that were asked for. Those that are over without items say why.
    """
    from .output import cut, note, print_table, say, seconds

    if not total:
        is_mapped = any(task.items is not None for task in run.tasks)
        nothing = "No item matches." if is_mapped else f"DAG {run.dag_name!r} has no mapped task."
        note(f"\n{nothing}")
    for reason in _why_no_items(tasks):
        note(reason)
    if not total:
        return
    say("")
    print_table(
        _HEADERS,
        [
            [
                item.name,
                cut(item.label, 40),
                item.state.value + (" (cached)" if item.cached else ""),
                str(item.attempt or ""),
                seconds(item.duration),
                item.worker,
                cut((item.error or "").split("\n", 1)[0], 80),
            ]
            for item in items
        ],
    )
    if total > len(items):
        note(f"… and {total - len(items):,} more: {more}")


def command_for_all(
    run_id: str, states: Sequence[TaskState], patterns: Sequence[str], *, retried: bool = False
) -> str:
    """Return the command that shows all items in these states."""
    value = ALL_STATES if len(states) == len(TaskState) else ",".join(states)
    named = "".join(f" --task {shlex.quote(pattern)}" for pattern in patterns)
    only = " --retried" if retried else ""
    return f"flowkit status {run_id} --items {value}{named}{only} --all"
