"""``flowkit status``: the state of a run and its tasks, and what it waits for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from ..basics.suggestions import unknown_name
from ..core.states import TaskState
from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import json_option, run_argument

if TYPE_CHECKING:
    from ..client.status import RunStatus, TaskStatus
    from ..core.called_run import CalledRun
    from ..core.task_progress import TaskProgress
    from .documents.runs import ProgressEntry, Status, TaskEntry

MOST_ROWS = 50
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
    names = [] if value is None else [name.strip() for name in value.split(",")]
    known = [state.value for state in TaskState]
    for name in names:
        if name not in known:
            raise click.BadParameter(unknown_name("state of a task", name, known))
    return [TaskState(name) for name in names]


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
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show at most N tasks. Without it, {MOST_ROWS}, and all with --json.",
)
@click.option("--all", "show_all", is_flag=True, help="Show all tasks.")
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
    from .documents.document import print_document
    from .output import note

    states, patterns, limit = (options.pop(name) for name in ("states", "patterns", "limit"))
    if limit is not None and show_all:
        raise click.UsageError("--limit and --all contradict each other: give one.")
    run_status = connect_to_run(ctx, options, run_id).status()
    matching = _matching(run_status.tasks if tasks else (), states, patterns)
    most = limit if limit is not None or as_json or show_all else MOST_ROWS
    if as_json:
        print_document(_document(run_status, matching, most, with_tasks=tasks))
        return
    _show_run(run_status)
    if matching:
        _show_tasks(matching[:most], len(matching))
    elif tasks and (states or patterns):
        note("\nNo task matches.")
    if run_status.children and not (states or patterns):
        _show_children(run_status.children, MOST_ROWS if most is not None else None)


def _matching(
    tasks: Iterable[TaskStatus], states: Sequence[TaskState], patterns: Sequence[str]
) -> list[TaskStatus]:
    """Return the tasks in these states and with these names, in the order of ``_ORDER``."""
    matching = [
        task
        for task in tasks
        if (not states or task.state in states)
        and (not patterns or any(fnmatchcase(task.name, pattern) for pattern in patterns))
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
    print_table(
        ["TASK", *["PROGRESS"] * reports, *_HEADERS],
        [
            [
                task.name,
                *[_shortened(str(task.progress or ""), 40)] * reports,
                task.state.value + (" (cached)" if task.cached else ""),
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


def _document(
    run_status: RunStatus, matching: list[TaskStatus], most: int | None, *, with_tasks: bool
) -> Status:
    from .documents.runs import ChildEntry, Status
    from .output import rounded, utc

    return Status(
        run_id=run_status.run_id,
        dag=run_status.dag_name,
        state=run_status.state.value,
        stopping=run_status.stopping,
        submitted=utc(run_status.submitted),
        finished=utc(run_status.finished),
        duration=rounded(run_status.duration),
        total=run_status.total,
        counts=run_status.counts,
        memory=run_status.memory,
        waiting_for=run_status.waiting_for,
        submitted_by=run_status.submitted_by,
        submitted_version=run_status.submitted_version,
        pinned_version=run_status.pinned_version,
        app_versions=run_status.app_versions,
        mixed_versions=run_status.mixed_versions,
        tasks=[_entry(task) for task in matching[:most]] if with_tasks else None,
        matching=len(matching),
        more=most is not None and len(matching) > most,
        parent=run_status.parent_run or None,
        parent_task=run_status.parent_task or None,
        children=[
            ChildEntry(child.run_id, child.dag_name, child.state, child.task, child.attempt)
            for child in run_status.children
        ],
    )


def _progress_entry(progress: TaskProgress | None) -> ProgressEntry | None:
    from .documents.runs import ProgressEntry
    from .output import utc

    if progress is None:
        return None
    return ProgressEntry(progress.done, progress.total, progress.text, utc(progress.at))


def _entry(task: TaskStatus) -> TaskEntry:
    from .documents.runs import TaskEntry
    from .output import rounded, utc

    return TaskEntry(
        name=task.name,
        state=task.state.value,
        attempt=task.attempt,
        worker=task.worker,
        started=utc(task.started),
        duration=rounded(task.duration),
        error=task.error,
        cached=task.cached,
        app_version=task.app_version,
        progress=_progress_entry(task.progress),
    )
