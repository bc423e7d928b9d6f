"""What is done to one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...client.documents.runs import Changed, Deleted, DeletedRun, Retry
from ...client.run_handle import RunHandle
from ..endpoint import Asked, BadParameter, Endpoint
from .run import run_of

MOST_NAMES = 10_000


def names_in(body: Mapping[str, Any], name: str) -> list[str] | None:
    """Return the names of tasks in a body, None without any. Raises BadParameter."""
    for given in body:
        if given != name:
            raise BadParameter(f"the body has {str(given)[:40]!r}; it may have {name!r} only")
    names = body.get(name)
    if names is None:
        return None
    is_list = isinstance(names, list) and len(names) <= MOST_NAMES
    if not is_list or not all(isinstance(item, str) for item in names):
        raise BadParameter(f"{name!r} must be a list of at most {MOST_NAMES:,} names of tasks")
    return names or None


def _nothing_in(body: Mapping[str, Any]) -> None:
    if body:
        raise BadParameter("the body must be empty")


def _cancel(asked: Asked) -> Changed:
    _nothing_in(asked.body)
    handle = run_of(asked)
    handle.cancel()
    return _changed(handle)


def _resume(asked: Asked) -> Changed:
    names = names_in(asked.body, "from_task")
    handle = run_of(asked)
    handle.resume(names)
    return _changed(handle)


def _changed(handle: RunHandle) -> Changed:
    record = handle.record()
    return Changed(run_id=handle.run_id, dag=record.dag_name, state=record.state.value)


def _retry(asked: Asked) -> Retry:
    names = names_in(asked.body, "tasks")
    handle = run_of(asked)
    retried = handle.retry(names)
    return Retry(run_id=handle.run_id, tasks=list(retried.tasks), resumed=retried.resumed)


def _delete(asked: Asked) -> Deleted:
    _nothing_in(asked.body)
    handle = run_of(asked)
    outcome = "deleted" if handle.delete() else "missing"
    return Deleted(items=[DeletedRun(handle.run_id, outcome)])


ENDPOINTS = (
    Endpoint("/runs/{run}/cancel", "Cancel a run.", Changed, _cancel, method="POST", acts=True),
    Endpoint(
        "/runs/{run}/resume",
        "Resume a run; `from_task`: names of tasks to run again with all tasks downstream.",
        Changed,
        _resume,
        method="POST",
        acts=True,
    ),
    Endpoint(
        "/runs/{run}/retry",
        "Start tasks again at once; `tasks`: their names, by default all that can be.",
        Retry,
        _retry,
        method="POST",
        acts=True,
    ),
    Endpoint(
        "/runs/{run}", "Delete a run that is over.", Deleted, _delete, method="DELETE", acts=True
    ),
)
