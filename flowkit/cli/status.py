"""``flowkit status``: how a run stands, task by task, and what keeps it from going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.states import TaskState
from .connect import connect
from .daemon_options import redis_options
from .inputs import json_option, run_argument

if TYPE_CHECKING:
    from ..status import RunStatus, TaskStatus

MOST_ROWS = 50
# Trouble first, then what goes on, then what will, then what is done.
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


@click.command()
@run_argument
@click.option("--tasks/--no-tasks", default=True, help="Show the tasks, or the run only.")
@click.option("--all", "show_all", is_flag=True, help=f"Show all tasks, not only {MOST_ROWS}.")
@json_option
@redis_options
@click.pass_context
def status(
    ctx: click.Context, /, run_id: str, tasks: bool, show_all: bool, as_json: bool, **options: Any
) -> None:
    """Show how a run stands, and what it waits for."""
    from .output import print_json

    found = connect(ctx, options).run(run_id).status()
    rows = sorted(found.tasks, key=lambda task: _ORDER.index(task.state)) if tasks else []
    if as_json:
        print_json(_document(found, rows, with_tasks=tasks))
        return
    _show_run(found)
    if rows:
        _show_tasks(rows if show_all else rows[:MOST_ROWS], len(rows))


def _show_run(found: RunStatus) -> None:
    from .output import local_time, say, seconds

    state = "stopping" if found.stopping else found.state.value
    counts = [f"{found.counts[s]} {s.replace('_', ' ')}" for s in _ORDER if found.counts.get(s)]
    say(f"Run:       {found.run_id}")
    say(f"DAG:       {found.dag_name}")
    say(f"State:     {state}")
    say(f"Submitted: {local_time(found.submitted)}")
    if found.duration is not None:
        say(f"Duration:  {seconds(found.duration)}")
    say(f"Tasks:     {found.total}: {', '.join(counts) or 'none'}")
    if found.waiting_for:
        say(f"Waiting:   {found.waiting_for}")


def _show_tasks(rows: list[TaskStatus], total: int) -> None:
    from .output import note, print_table, say, seconds

    say("")
    print_table(
        ["TASK", "STATE", "ATTEMPT", "DURATION", "WORKER", "ERROR"],
        [
            [
                task.name,
                task.state.value + (" (cached)" if task.cached else ""),
                str(task.attempt or ""),
                seconds(task.duration),
                task.worker,
                _shortened(task.error or ""),
            ]
            for task in rows
        ],
    )
    if total > len(rows):
        note(f"… and {total - len(rows)} more; --all shows them.")


def _shortened(text: str, limit: int = 80) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= limit else first[: limit - 1] + "…"


def _document(found: RunStatus, rows: list[TaskStatus], *, with_tasks: bool) -> dict[str, object]:
    from .output import rounded, utc

    document: dict[str, object] = {
        "run_id": found.run_id,
        "dag": found.dag_name,
        "state": found.state.value,
        "stopping": found.stopping,
        "submitted": utc(found.submitted),
        "finished": utc(found.finished),
        "duration": rounded(found.duration),
        "total": found.total,
        "counts": found.counts,
        "waiting_for": found.waiting_for,
    }
    if with_tasks:
        document["tasks"] = [
            {
                "name": task.name,
                "state": task.state.value,
                "attempt": task.attempt,
                "worker": task.worker,
                "started": utc(task.started),
                "duration": rounded(task.duration),
                "error": task.error,
                "cached": task.cached,
            }
            for task in rows
        ]
    return document
