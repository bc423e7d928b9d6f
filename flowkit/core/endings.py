"""How a task or a run ended, and why: the failure that began it, and what it blocked."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ..basics.counted import counted
from .blocking import failed_above
from .cause_view import View
from .numbering import labelled
from .snapshot import Snapshot, TaskView
from .spans import length, span
from .states import RunState, TaskState
from .triggers import HOOKS


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a run. ``task``: the one that began it, "" if the scheduler failed the run.

    ``label``: of an item. ``error``: its last error as "ValueError: bad row". ``attempts``: how
    many it made. ``ended``: when, in seconds since 1970 by Redis' clock, None if unknown.
    ``failed``, ``upstream_failed``, ``cancelled``: how many tasks of the run ended so; a mapped
    task counts as its items. ``command``: continues the run, "" if it is not over.
    ``run``: the child run in which the task failed, "" if it failed itself.
    """

    task: str
    error: str
    attempts: int
    worker: str
    ended: float | None
    failed: int
    upstream_failed: int
    cancelled: int
    command: str
    label: str = ""
    run: str = ""


def first_failed(snapshot: Snapshot) -> int | None:
    """Return what began the failure of a run: as recorded, else the first that ended.

    A mapped task that failed with an item did not begin it.
    """
    recorded = snapshot.run.failed_task
    if recorded is not None and recorded < len(snapshot.states) and snapshot.states[recorded]:
        item = failed_item(snapshot, recorded)
        return recorded if item is None else item
    triggers, node = snapshot.dag.triggers(), snapshot.dag.numbering.node
    failed = [
        (item.due_ms or 0, failed_item(snapshot, task) is not None, task)
        for task, item in snapshot.tasks.items()
        if item.state is TaskState.FAILED
        and triggers.get(node(task)) not in HOOKS
        and not (snapshot.edges.is_item(task) and snapshot.dag.maps[node(task)].collect)
    ]
    return min(failed)[2] if failed else None


def failure_of(snapshot: Snapshot) -> Failure | None:
    """Return the failure of a run, None if no task has failed and the run has not."""
    task = first_failed(snapshot)
    if task is None and snapshot.run.state is not RunState.FAILED:
        return None
    item = snapshot.tasks.get(task, _UNKNOWN) if task is not None else _UNKNOWN
    ended, count = snapshot.at(item.due_ms), _counts(snapshot)
    return Failure(
        task="" if task is None else snapshot.name(task),
        error="" if task is None else snapshot.errors.get(task, ""),
        attempts=item.attempt,
        worker=item.lane.partition(".")[0],
        ended=None if ended is None else ended / 1000,
        failed=count[TaskState.FAILED],
        upstream_failed=count[TaskState.UPSTREAM_FAILED],
        cancelled=count[TaskState.CANCELLED],
        command=_resume(snapshot, task),
        label="" if task is None else snapshot.labels.get(task, ""),
        run="" if task is None else snapshot.failed_children.get(task, ""),
    )


_UNKNOWN = TaskView(TaskState.FAILED, attempt=0)


def _counts(snapshot: Snapshot) -> dict[TaskState, int]:
    """Return how many tasks and items are in each state. A mapped task counts as its items."""
    counts = {state: snapshot.states.count(state) for state in TaskState}
    for task, items in snapshot.lengths.items():
        state = snapshot.states[task]
        if items and state is not None:
            counts[state] -= 1
    return counts


def _resume(snapshot: Snapshot, failed: int | None) -> str:
    """Return the command that resumes the run, "" if it is not over.

    A plain resume never restarts an at-most-once task, nor the task whose result could not be
    mapped, so the run would fail again.
    """
    if snapshot.run.state not in (RunState.FAILED, RunState.CANCELLED):
        return ""
    command = f"flowkit resume {snapshot.run.run}"
    again: Sequence[int] = ()
    if failed is not None and _is_unmapped(snapshot, failed):
        again = snapshot.dag.maps[failed].over
    elif failed is not None and snapshot.dag.policy(failed).at_most_once:
        again = (failed,)
    return command + "".join(f" --from-task {shlex.quote(snapshot.name(at))}" for at in again)


def _is_unmapped(snapshot: Snapshot, failed: int) -> bool:
    """Return whether a mapped task failed since the results that it takes cannot be mapped."""
    return failed in snapshot.dag.maps and failed_item(snapshot, failed) is None


def _retry(snapshot: Snapshot, task: int) -> str:
    """Return the command that retries one task, "" if the run is not over."""
    is_over = snapshot.run.state is not RunState.RUNNING
    name = shlex.quote(snapshot.name(task))
    return f"flowkit retry {snapshot.run.run} {name}" if is_over else ""


def run_ending(snapshot: Snapshot, failure: Failure | None) -> tuple[str, str]:
    """Return how a run ended, as a sentence, and the command that continues it."""
    run = snapshot.run
    ago = "" if run.finished_ms is None else f" {_ago(snapshot, run.finished_ms)}"
    if run.state is RunState.FAILED and failure is not None:
        return f"The run failed{ago}.{_began(failure)}{_blocked(failure)}", failure.command
    if run.state is RunState.CANCELLED:
        cancelled = _counts(snapshot)[TaskState.CANCELLED]
        by = f" by {snapshot.cancelled_by}" if snapshot.cancelled_by else ""
        text = f"The run was cancelled{ago}{by}; {_tasks(cancelled)} of it had not ended."
        return text, _resume(snapshot, None)
    if run.state is RunState.SUCCEEDED:
        failed, helps = _failed_items(snapshot, None)
        return f"The run succeeded{ago}{failed}.", helps
    return f"The run {run.state.value}{ago}.", ""


def _failed_items(snapshot: Snapshot, mapped: int | None) -> tuple[str, str]:
    """Return how many items of a mapped task (None: of all) failed, and the command that lists
    them. Both are "" if all succeeded. A run and a mapped task can succeed with failed items.
    """
    failed, blocked = 0, 0
    for task in snapshot.lengths if mapped is None else [mapped]:
        states = [snapshot.states[item] for item in snapshot.edges.items(task)]
        failed += states.count(TaskState.FAILED)
        blocked += states.count(TaskState.UPSTREAM_FAILED)
    parts = [f"{counted(failed, 'item')} failed"] * bool(failed)
    parts += [f"{counted(blocked, 'item')} did not run because of a failure"] * bool(blocked)
    if not parts:
        return "", ""
    state = "failed" if failed else "upstream_failed"
    named = "" if mapped is None else f" --task {shlex.quote(snapshot.name(mapped))}"
    return f"; {' and '.join(parts)}", f"flowkit status {snapshot.run.run} --items {state}{named}"


def _began(failure: Failure) -> str:
    if not failure.task:
        return " The scheduler could not continue it."
    name = labelled(failure.task, failure.label)
    attempts = f" at attempt {failure.attempts}" if failure.attempts > 1 else ""
    error = f": {failure.error.rstrip('.')}" if failure.error else ""
    return f" It began with task {name!r}, which failed{attempts}{error}.{_in_child(failure.run)}"


def _in_child(run: str) -> str:
    """Say where to look if a task failed because of a child run."""
    return f" That happened in run {run}: 'flowkit why {run}', 'flowkit logs {run}'." * bool(run)


def _blocked(failure: Failure) -> str:
    parts = []
    if failure.failed > 1:
        parts.append(f"{_tasks(failure.failed - 1)} failed as well")
    if failure.upstream_failed:
        parts.append(f"{_tasks(failure.upstream_failed)} downstream did not run")
    if failure.cancelled:
        parts.append(f"{_tasks(failure.cancelled)} {_were(failure.cancelled)} cancelled")
    return f" {', '.join(parts)}." if parts else ""


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _tasks(number: int) -> str:
    return f"{number:,} task" if number == 1 else f"{number:,} tasks"


def _ago(snapshot: Snapshot, when_ms: int) -> str:
    return f"{span(snapshot.now_ms - when_ms)} ago"


# -- tasks ----------------------------------------------------------------------------------------


def task_ending(view: View, task: int) -> tuple[str, str]:
    """Return how a task ended and why, as a sentence, and the command that helps."""
    snapshot = view.snapshot
    name, item = snapshot.shown(task), snapshot.tasks[task]
    when = snapshot.at(item.due_ms)
    ago = "" if when is None else f" {_ago(snapshot, when)}"
    match item.state:
        case TaskState.SUCCEEDED:
            if task in snapshot.dag.maps:
                items = counted(snapshot.lengths.get(task, 0), "item")
                failed, helps = _failed_items(snapshot, task)
                return f"Task {name!r} succeeded{ago}, with {items}{failed}.", helps
            return _succeeded(view, name, item, ago), ""
        case TaskState.FAILED:
            helps = _resume(snapshot, task) if _is_unmapped(snapshot, task) else ""
            return _failed(snapshot, task, name, ago), helps or _retry(snapshot, task)
        case TaskState.SKIPPED:
            return _skipped(view, task, name, ago), ""
        case TaskState.UPSTREAM_FAILED:
            return _upstream_failed(view, task, name)
    return _cancelled(view, task, name), _resume(snapshot, None)


def _failed(snapshot: Snapshot, task: int, name: str, ago: str) -> str:
    error = snapshot.errors.get(task, "").rstrip(".")
    item = failed_item(snapshot, task)
    if not error and item is not None:
        text = f"Task {name!r} failed{ago}, since {snapshot.shown(item)!r} failed"
        error = snapshot.errors.get(item, "").rstrip(".")
    elif task in snapshot.dag.maps:
        text = f"Task {name!r} failed{ago}"
    else:
        text = f"Task {name!r} failed{ago}, at attempt {snapshot.tasks[task].attempt}"
    below = _in_child(snapshot.failed_children.get(task if item is None else item, ""))
    return f"{text}: {error}.{below}" if error else f"{text}."


def failed_item(snapshot: Snapshot, task: int) -> int | None:
    """Return the first item of a mapped task that has failed, None without one."""
    states = snapshot.states
    items = snapshot.edges.items(task)
    return next((item for item in items if states[item] is TaskState.FAILED), None)


def _succeeded(view: View, name: str, item: TaskView, ago: str) -> str:
    if item.cached:
        return f"Task {name!r} succeeded{ago}: an earlier result was reused from the cache."
    took = ""
    if item.started_ms is not None and item.due_ms is not None:
        took = f", after {length(item.due_ms - item.started_ms)}"
    again = f", at attempt {item.attempt}" if item.attempt > 1 else ""
    worker = item.lane.partition(".")[0]
    where = f" on {worker}" if worker else ""
    return f"Task {name!r} succeeded{ago}{where}{took}{again}."


def _skipped(view: View, task: int, name: str, ago: str) -> str:
    """A worker that skipped it evaluated its condition; without a worker, it was a trigger."""
    snapshot = view.snapshot
    mapped = snapshot.dag.maps.get(task)
    if mapped is None and snapshot.tasks[task].lane:
        return f"Task {name!r} was skipped{ago}: its condition was false."
    above = snapshot.edges.above(task) if mapped is None else snapshot.dag.graph.upstream(task)
    skipped = [at for at in above if snapshot.states[at] is TaskState.SKIPPED]
    over = [snapshot.name(at) for at in skipped if mapped is not None and at in mapped.over]
    if over:
        return f"Task {name!r} was skipped: {over[0]!r}, over which it is mapped, was skipped."
    named = [snapshot.shown(at) for at in skipped]
    trigger = snapshot.dag.policy(task).trigger.value
    of = f", such as {named[0]!r}, which was skipped" if named else ""
    return f"Task {name!r} was skipped: its trigger {trigger!r} did not fit its upstream tasks{of}."


def _upstream_failed(view: View, task: int, name: str) -> tuple[str, str]:
    snapshot = view.snapshot
    states = snapshot.states
    at = failed_above(snapshot.edges, states.__getitem__, task)
    if states[at] is not TaskState.FAILED:
        return f"Task {name!r} did not run, since a task that it needs failed.", ""
    item = failed_item(snapshot, at)
    at = at if item is None else item
    error = snapshot.errors.get(at, "").rstrip(".")
    text = f"Task {name!r} did not run, since task {snapshot.shown(at)!r} failed"
    below = _in_child(snapshot.failed_children.get(at, ""))
    return f"{text}: {error}.{below}" if error else f"{text}.", _resume(snapshot, at)


def _cancelled(view: View, task: int, name: str) -> str:
    snapshot = view.snapshot
    failed = failed_item(snapshot, snapshot.dag.numbering.node(task))
    if failed is not None and failed != task:
        return f"Task {name!r} was cancelled, since {snapshot.shown(failed)!r} failed."
    failed = first_failed(snapshot)
    if snapshot.run.state is RunState.CANCELLED or failed is None:
        return f"Task {name!r} did not end, since the run was cancelled."
    began = snapshot.shown(failed)
    return f"Task {name!r} was cancelled, since task {began!r} failed and stopped the run."
