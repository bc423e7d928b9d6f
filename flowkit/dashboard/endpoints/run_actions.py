"""What is done to one run."""

from __future__ import annotations

from ...client.documents.runs import Changed, Deleted, DeletedRun, Retry
from ...client.run_handle import RunHandle
from ..endpoint import Asked, Endpoint, Field
from .run import run_of


def _cancel(asked: Asked) -> Changed:
    handle = run_of(asked)
    handle.cancel()
    return _changed(handle)


def _resume(asked: Asked) -> Changed:
    handle = run_of(asked)
    handle.resume(asked.body["from_task"] or None)
    return _changed(handle)


def _changed(handle: RunHandle) -> Changed:
    record = handle.record()
    return Changed(run_id=handle.run_id, dag=record.dag_name, state=record.state.value)


def _retry(asked: Asked) -> Retry:
    handle = run_of(asked)
    retried = handle.retry(asked.body["tasks"] or None)
    return Retry(run_id=handle.run_id, tasks=list(retried.tasks), resumed=retried.resumed)


def _delete(asked: Asked) -> Deleted:
    handle = run_of(asked)
    outcome = "deleted" if handle.delete() else "missing"
    return Deleted(items=[DeletedRun(handle.run_id, outcome)])


ENDPOINTS = (
    Endpoint("/runs/{run}/cancel", "Cancel a run.", Changed, _cancel, method="POST", acts=True),
    Endpoint(
        "/runs/{run}/resume",
        "Resume a run from where it failed, or from given tasks.",
        Changed,
        _resume,
        method="POST",
        acts=True,
        body=(
            Field("from_task", "Names of tasks to run again with all tasks downstream.", "texts"),
        ),
    ),
    Endpoint(
        "/runs/{run}/retry",
        "Start tasks again at once.",
        Retry,
        _retry,
        method="POST",
        acts=True,
        body=(Field("tasks", "Names of tasks; by default, all that can be retried.", "texts"),),
    ),
    Endpoint(
        "/runs/{run}", "Delete a run that is over.", Deleted, _delete, method="DELETE", acts=True
    ),
)
