"""``flowkit status``: the state of a run and its tasks, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from ..core.numbering import MOST_NUMBERS
from ..core.states import TaskState
from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import json_option, run_argument
from .status_items import (
    ALL_STATES,
    check_items,
    command_for_all,
    find_items,
    item_states,
    items_text,
    show_items,
    shown_state,
    state_names,
)

if TYPE_CHECKING:
    from ..client.status import RunStatus, TaskStatus
    from ..core.called_run import CalledRun

MOST_ROWS = 50
MOST_ITEMS = 10_000
_HEADERS = ["STATE", "ATTEMPT", "DURATION", "WORKER", "VERSION", "ERROR"]
# Trouble first, then executing tasks, then those to come, then those that are done.
_ORDER = (
    TaskState.FAILED,
    TaskState.RUNNING,
    TaskState.WAITING,
    TaskState.QUEUED,
    TaskState.PENDING,
    TaskState.UPSTREAM_FAILED,
    TaskState.CANCELLED,
    TaskState.SKIPPED,
    TaskState.SUCCEEDED,
)


def _states(ctx: click.Context, param: click.Parameter, value: str | None) -> list[TaskState]:
    """Return the states in a list with commas. A click callback. Raises BadParameter."""
    return [] if value is None else [TaskState(name) for name in state_names(value)]


@click.command()
@run_argument
@click.option("--tasks/--no-tasks", default=True, help="Show the tasks, or only the run.")
@click.option(
    "--state",
    "states",
    metavar="STATE[,STATE]",
    callback=_states,
    help="Only tasks in these states, such as failed,running.",
)
@click.option(
    "--task",
    "patterns",
    metavar="NAME",
    multiple=True,
    help="Only this task; * stands for any text. Repeatable.",
)
@click.option(
    "--items",
    "items",
    is_flag=False,
    flag_value=ALL_STATES,
    metavar="[STATE,…]",
    callback=item_states,
    help="Show the items of mapped tasks instead of tasks: all, or those in these states, such as "
    "failed. --task names the mapped tasks.",
)
@click.option(
    "--retried",
    is_flag=True,
    help="Only tasks with more than one attempt, and with --items only such items.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show at most N tasks or items. Without it, {MOST_ROWS}; with --json, all tasks, and "
    f"{MOST_ITEMS:,} items.",
)
@click.option("--all", "show_all", is_flag=True, help="Show all tasks, or items.")
@json_option
@redis_options
@click.pass_context
def status(
    ctx: click.Context,
    /,
    run_id: str,
    tasks: bool,
    show_all: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the state of a run and its tasks, failed ones first, and what the run waits for."""
    from ..client.documents.make_status import status_document
    from .output import note
    from .print_json import print_document

    words = ("states", "patterns", "limit", "items", "retried")
    states, patterns, limit, of_items, retried = (options.pop(name) for name in words)
    if limit is not None and show_all:
        raise click.UsageError("--limit and --all contradict each other: give one.")
    check_items(of_items, states or not tasks, retried=retried)
    handle = connect_to_run(ctx, options, run_id)
    run_status = handle.status()
    matching = _matching(run_status.tasks if tasks else (), states, patterns, retried=retried)
    most = limit if limit is not None or as_json or show_all else MOST_ROWS
    items = None
    if of_items is not None:
        some = MOST_NUMBERS if show_all else limit or (MOST_ITEMS if as_json else MOST_ROWS)
        items = find_items(handle, matching, of_items, some, retried=retried)
    if as_json:
        print_document(status_document(run_status, matching, most, with_tasks=tasks, items=items))
        return
    _show_run(run_status)
    if items is not None:
        all_items = command_for_all(handle.run_id, of_items, patterns, retried=retried)
        show_items(run_status, *items, all_items, matching)
    elif matching:
        _show_tasks(matching[:most], len(matching))
    elif tasks and (states or patterns or retried):
        note("\nNo task matches.")
    if run_status.children and not (states or patterns or items or retried):
        _show_children(run_status.children, MOST_ROWS if most is not None else None)


def _matching(
    tasks: Iterable[TaskStatus],
    states: Sequence[TaskState],
    patterns: Sequence[str],
    *,
    retried: bool,
) -> list[TaskStatus]:
    """Return the tasks in these states and with these names, in the order of ``_ORDER``.

    ``retried``: only those with more than one attempt, or with such items.
    """
    matching = [
        task
        for task in tasks
        if (not states or task.state in states)
        and (not patterns or any(fnmatchcase(task.name, pattern) for pattern in patterns))
        and (not retried or task.attempt > 1 or task.retried_items > 0)
    ]
    return sorted(matching, key=lambda task: _ORDER.index(task.state))


def _show_run(run_status: RunStatus) -> None:
    from .output import local_time, say, seconds, size

    state = "stopping" if run_status.stopping else run_status.state.value
    counts = [
        f"{run_status.counts[s]} {s.replace('_', ' ')}" for s in _ORDER if run_status.counts.get(s)
    ]
    say(f"Run:       {run_status.run_id}")
    say(f"DAG:       {run_status.dag_name}")
    if run_status.parent_run:
        say(f"Child of:  {run_status.parent_run} (task {run_status.parent_task})")
    say(f"State:     {state}")
    by = f" by {run_status.submitted_by}" if run_status.submitted_by else ""
    say(f"Submitted: {local_time(run_status.submitted)}{by}")
    if run_status.duration is not None:
        say(f"Duration:  {seconds(run_status.duration)}")
    say(f"Tasks:     {run_status.total}: {', '.join(counts) or 'none'}")
    if run_status.memory is not None:
        say(f"Memory:    {size(run_status.memory)}")
    if run_status.pinned_version:
        say(f"Pinned to: version {run_status.pinned_version} of the code")
    if run_status.mixed_versions:
        versions = ", ".join(run_status.app_versions)
        say(f"Versions:  {versions}: the run mixes versions of the code")
    elif run_status.app_versions:
        say(f"Version:   {', '.join(run_status.app_versions)}")
    if run_status.waiting_for:
        say(f"Waiting:   {run_status.waiting_for}")


def _show_tasks(rows: list[TaskStatus], total: int) -> None:
    from .output import note, print_table, say, seconds

    say("")
    # Only a running task has a progress, so most tables need no column for it.
    reports = any(task.progress for task in rows)
    mapped = any(task.items is not None for task in rows)
    print_table(
        ["TASK", *["ITEMS"] * mapped, *["PROGRESS"] * reports, *_HEADERS],
        [
            [
                task.name,
                *[items_text(task)] * mapped,
                *[_shortened(str(task.progress or ""), 40)] * reports,
                shown_state(task),
                str(task.attempt or ""),
                seconds(task.duration),
                task.worker,
                task.app_version,
                _shortened(task.error or ""),
            ]
            for task in rows
        ],
    )
    if total > len(rows):
        note(f"… and {total - len(rows):,} more; --all shows them.")


def _show_children(children: Sequence[CalledRun], most: int | None) -> None:
    from .output import note, print_table, say

    say("")
    print_table(
        ["CHILD RUN", "DAG", "STATE", "TASK", "ATTEMPT"],
        [
            [child.run_id, child.dag_name, child.state or "gone", child.task, str(child.attempt)]
            for child in children[:most]
        ],
    )
    if most is not None and len(children) > most:
        note(f"… and {len(children) - most:,} more; --all shows them.")


def _shortened(text: str, limit: int = 80) -> str:
    """Return the first line, truncated."""
    from .output import cut

    return cut(text.split("\n", 1)[0], limit)
