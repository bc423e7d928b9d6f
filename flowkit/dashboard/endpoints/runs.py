"""Runs as a list."""

from __future__ import annotations

from ...client.documents.make_runs import runs_document
from ...client.documents.runs import Runs
from ...core.states import RunState
from ..endpoint import Asked, Endpoint, Parameter, Stream
from ..live.source import DocumentSource

PAGE = 50


def _runs(asked: Asked) -> Runs:
    query = asked.query
    return runs_document(
        asked.client.runs(
            query["limit"],
            query["state"],
            dag=query["dag"],
            since=query["since"],
            children=query["children"],
        )
    )


FILTERS = (
    Parameter("limit", "How many runs.", "number", PAGE, least=1, most=1_000),
    Parameter(
        "state", "Only runs in this state.", choices=tuple(state.value for state in RunState)
    ),
    Parameter("dag", "Only runs of the DAG with this name."),
    Parameter("since", "Only runs of the last so many seconds.", "seconds", most=10**9),
    Parameter("children", "Also runs that tasks have called.", "flag", default=False),
)
ENDPOINTS = (Endpoint("/runs", "The newest runs, newest first.", Runs, _runs, FILTERS),)
STREAMS = (
    Stream(
        "/live/runs",
        "The newest runs, whenever the list changes.",
        lambda asked: DocumentSource(lambda: _runs(asked)),
        FILTERS,
    ),
)
