"""One run: its header, its columns, items of its mapped tasks, and its graph."""

from __future__ import annotations

from ...client.documents.columns import Items, RunColumns, RunHeader
from ...client.documents.make_columns import columns_document
from ...client.documents.make_header import Headers
from ...client.documents.make_status import task_entry
from ...client.documents.plan import GraphPlan, plan_document
from ...client.run_handle import RunHandle
from ...client.run_ids import is_run_id
from ...core.states import TaskState
from ...exceptions import RunNotFound
from ..endpoint import Asked, Endpoint, Parameter, Stream
from ..live.run_source import RunSource

PART = 1_000


def run_id_of(asked: Asked) -> str:
    """Return the id of the run of a path. Raises RunNotFound for what can be the id of none."""
    run_id = asked.path["run"]
    if not is_run_id(run_id):
        raise RunNotFound(run_id[:128])
    return run_id


def run_of(asked: Asked) -> RunHandle:
    """Return the run of a path. Raises RunNotFound."""
    return asked.client.run(run_id_of(asked))


def _header(asked: Asked) -> RunHeader:
    handle = run_of(asked)
    return Headers(handle).of(handle.status())


def _columns(asked: Asked) -> RunColumns:
    return columns_document(run_of(asked).status())


def _items(asked: Asked) -> Items:
    handle, query = run_of(asked), asked.query
    states = None if query["state"] is None else [query["state"]]
    which = {name: query[name] for name in ("limit", "start", "retried")}
    found = handle.items(query["task"], states=states, **which)
    items = [task_entry(item) for item in found]
    return Items(run_id=handle.run_id, task=query["task"], items=items, more=found.more)


def _plan(asked: Asked) -> GraphPlan:
    handle = run_of(asked)
    return plan_document(handle.run_id, handle.graph(), collapse=asked.query["collapse"])


ENDPOINTS = (
    Endpoint("/runs/{run}", "A run without its tasks.", RunHeader, _header),
    Endpoint("/runs/{run}/columns", "The tasks of a run.", RunColumns, _columns),
    Endpoint(
        "/runs/{run}/items",
        "Items of a mapped task.",
        Items,
        _items,
        (
            Parameter("task", "The name of a mapped task.", required=True),
            Parameter("start", "The index of the first item.", "number", 0, most=10**7),
            Parameter("limit", "How many items.", "number", PART, least=1, most=PART),
            Parameter("retried", "Only items with more than one attempt.", "flag", default=False),
            Parameter(
                "state", "Only items in this state.", choices=tuple(s.value for s in TaskState)
            ),
        ),
    ),
    Endpoint(
        "/runs/{run}/graph",
        "Where the tasks of a run are in a drawing.",
        GraphPlan,
        _plan,
        (
            Parameter(
                "collapse",
                "Whether similar tasks share a box; by default, if there are many.",
                "flag",
            ),
        ),
    ),
)
STREAMS = (
    Stream(
        "/live/runs/{run}",
        "A run and its tasks: all of them first, then what changes.",
        lambda asked: RunSource(lambda: run_of(asked)),
    ),
)
