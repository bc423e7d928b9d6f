"""What is done to many runs: to all that match filters, or to those that are named.

A page first asks with ``dry_run``, shows what the answer lists, and then names these runs. So what
is changed is what was shown: a run that is submitted in between is left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from ...basics.durations import MAX_DELAY_S
from ...client.documents.run_changes import (
    ChangedRuns,
    changes_document,
    deletion_document,
    named_document,
)
from ...client.run_changes import STATES, Action
from ...client.run_ids import is_run_id
from ...client.run_search import LONGEST_TEXT
from ...core.states import RUN_OVER, RunState
from ..endpoint import Asked, BadParameter, Endpoint, Field

MOST_CHANGED = 1_000  # in one request
MOST_PARAMS = 100
_FILTERS = ("dag", "since", "until", "params", "children")


def _named(asked: Asked) -> list[str]:
    """Return the runs that the body names, [] if it has filters. Raises BadParameter."""
    body = asked.body
    runs: list[str] = body["runs"] or []
    narrow = [name for name in ("state", "q", "older_than", *_FILTERS) if body.get(name)]
    if runs and (narrow or body["everything"] or body["dry_run"]):
        raise BadParameter("the body must have 'runs' alone, or filters")
    if not (runs or body["everything"] or [name for name in narrow if name != "children"]):
        raise BadParameter(
            "the body does not say which runs: give 'runs', a filter, or 'everything': true"
        )
    for run_id in runs:
        if not is_run_id(run_id):
            raise BadParameter(f"{run_id[:128]!r} in 'runs' is not the id of a run")
    return runs


def _which(body: Any) -> dict[str, Any]:
    return {**{name: body[name] for name in _FILTERS}, "text": body["q"]}


def _change(asked: Asked, action: Action) -> ChangedRuns:
    named = _named(asked)
    if named:
        return named_document(action, asked.client.change_runs(action, named))
    return _purge(asked) if action is Action.DELETE else _change_matching(asked, action)


def _change_matching(asked: Asked, action: Action) -> ChangedRuns:
    body, client = asked.body, asked.client
    call = client.cancel_runs if action is Action.CANCEL else client.resume_runs
    dry_run = body["dry_run"]
    changes = call(
        body["state"], **_which(body), everything=True, limit=body["limit"], dry_run=dry_run
    )
    return changes_document(action, changes, dry_run=dry_run)


def _purge(asked: Asked) -> ChangedRuns:
    body, client = asked.body, asked.client
    age, dry_run = body["older_than"], body["dry_run"]
    plan = client.purge(age, body["state"], limit=body["limit"], **_which(body), dry_run=True)
    runs = [] if dry_run else [record.run for record in plan.runs]
    changes = client.change_runs(Action.DELETE, runs)
    return deletion_document(plan, changes, dry_run=dry_run)


def _fields(states: tuple[str, ...], *more: Field) -> tuple[Field, ...]:
    return (
        Field("state", "Only runs in this state.", choices=states),
        Field("dag", "Only runs of the DAG with this name.", most=1_000),
        Field(
            "q",
            "Only runs whose id begins so, or with this in the name of DAG or submitter.",
            most=LONGEST_TEXT,
        ),
        Field("since", "Only runs of the last so many seconds.", "seconds", most=MAX_DELAY_S),
        Field(
            "until",
            "Only runs submitted at least so many seconds ago.",
            "seconds",
            most=MAX_DELAY_S,
        ),
        Field(
            "params",
            "Only runs with these parameters: how their values are written, by name.",
            "text by name",
            most=MOST_PARAMS,
        ),
        *more,
        Field("children", "Also runs that tasks have called.", "flag", default=False),
        Field("everything", "All runs; without it, a filter is needed.", "flag", default=False),
        Field("limit", "How many runs.", "number", MOST_CHANGED, least=1, most=MOST_CHANGED),
        Field("dry_run", "Change nothing, and list the runs that match.", "flag", default=False),
        Field("runs", "Instead of filters, the ids of runs.", "texts", most=MOST_CHANGED),
    )


def _endpoint(
    word: str, about: str, action: Action, states: Collection[RunState], *more: Field
) -> Endpoint:
    """Return the endpoint of an action for runs in these states. ``more``: further fields."""
    return Endpoint(
        f"/runs/{word}",
        about,
        ChangedRuns,
        partial(_change, action=action),
        method="POST",
        acts=True,
        body=_fields(tuple(state.value for state in states), *more),
    )


AGE = Field(
    "older_than",
    "Only runs that ended at least so many seconds ago.",
    "seconds",
    0,
    most=MAX_DELAY_S,
)
ENDPOINTS = (
    _endpoint(
        "cancel", "Cancel running runs, the newest first.", Action.CANCEL, STATES[Action.CANCEL]
    ),
    _endpoint(
        "resume",
        "Resume failed and cancelled runs, the newest first.",
        Action.RESUME,
        STATES[Action.RESUME],
    ),
    _endpoint(
        "purge",
        "Delete runs that are over, the oldest first.",
        Action.DELETE,
        sorted(RUN_OVER),
        AGE,
    ),
)
