"""Makes the documents about the state of one run of what the client returns."""

from __future__ import annotations

from ...core.task_progress import TaskProgress
from ..status import RunStatus, TaskStatus
from .runs import ChildEntry, ProgressEntry, Status, TaskEntry
from .stamps import rounded, utc


def status_document(
    run_status: RunStatus,
    matching: list[TaskStatus],
    most: int | None,
    *,
    with_tasks: bool = True,
    items: tuple[list[TaskStatus], int] | None = None,
) -> Status:
    """Return the state of a run. ``items``: those that are shown, and how many match."""
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
        tasks=[task_entry(task) for task in matching[:most]] if with_tasks else None,
        matching=len(matching),
        more=most is not None and len(matching) > most,
        mapped_items=None if items is None else [task_entry(item) for item in items[0]],
        matching_items=0 if items is None else items[1],
        parent=run_status.parent_run or None,
        parent_task=run_status.parent_task or None,
        children=[
            ChildEntry(child.run_id, child.dag_name, child.state, child.task, child.attempt)
            for child in run_status.children
        ],
    )


def _progress_entry(progress: TaskProgress | None) -> ProgressEntry | None:
    if progress is None:
        return None
    return ProgressEntry(progress.done, progress.total, progress.text, utc(progress.at))


def task_entry(task: TaskStatus) -> TaskEntry:
    """Return one task or item."""
    return TaskEntry(
        name=task.name,
        state=task.state.value,
        attempt=task.attempt,
        worker=task.worker,
        queued=utc(task.queued),
        started=utc(task.started),
        duration=rounded(task.duration),
        error=task.error,
        cached=task.cached,
        app_version=task.app_version,
        progress=_progress_entry(task.progress),
        label=task.label,
        items=None if task.items is None else dict(task.items),
    )
