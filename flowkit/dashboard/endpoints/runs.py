"""Runs as a list, and how many are in each state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...basics.durations import MAX_DELAY_S
from ...client.documents.make_runs import runs_document
from ...client.documents.runs import RunCounts, Runs
from ...client.run_search import LONGEST_TEXT, cursor_of
from ...core.states import RunState
from ..endpoint import Asked, BadParameter, Endpoint, Parameter, Stream
from ..live.source import DocumentSource

PAGE = 50
_MATCH = ("dag", "since", "until", "children")


def matching(query: Any) -> dict[str, Any]:
    """Return the arguments of the client for the filters that all lists of runs have."""
    return {**{name: query[name] for name in _MATCH}, "text": query["q"]}


def _checked(query: Any) -> None:
    """Raise BadParameter for a text or a place that the client would refuse."""
    try:
        cursor_of(query.get("before"))
    except ValueError:
        raise BadParameter("the parameter 'before' must be `next` of a list of runs") from None
    if len(query["q"] or "") > LONGEST_TEXT:
        raise BadParameter(f"the parameter 'q' must be at most {LONGEST_TEXT} characters")


def params_of(given: Sequence[str] | None) -> dict[str, str]:
    """Return parameters by name. Raises BadParameter."""
    pairs = [text.partition("=") for text in given or ()]
    if not all(name and equals for name, equals, _ in pairs):
        raise BadParameter("the parameter 'param' must be NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _runs(asked: Asked) -> Runs:
    query = asked.query
    _checked(query)
    return runs_document(
        asked.client.runs(
            query["limit"],
            query["state"],
            params=params_of(query["param"]),
            before=query["before"],
            **matching(query),
        )
    )


def _counts(asked: Asked) -> RunCounts:
    _checked(asked.query)
    counts = asked.client.count_runs(**matching(asked.query))
    return RunCounts(states=counts.states, cut_short=counts.cut_short)


COMMON = (
    Parameter("dag", "Only runs of the DAG with this name."),
    Parameter("q", "Only runs whose id begins so, or with this in the name of DAG or submitter."),
    Parameter("since", "Only runs of the last so many seconds.", "seconds", most=MAX_DELAY_S),
    Parameter(
        "until", "Only runs submitted at least so many seconds ago.", "seconds", most=MAX_DELAY_S
    ),
    Parameter("children", "Also runs that tasks have called.", "flag", default=False),
)
STATE = Parameter(
    "state", "Only runs in this state.", choices=tuple(state.value for state in RunState)
)
PARAM = Parameter("param", "Only runs with this parameter: NAME=VALUE.", "texts")
FILTERS = (
    Parameter("limit", "How many runs.", "number", PAGE, least=1, most=1_000),
    Parameter("before", "`next` of a list, for the runs behind it."),
    STATE,
    PARAM,
    *COMMON,
)
ENDPOINTS = (
    Endpoint("/runs", "The newest runs, newest first.", Runs, _runs, FILTERS),
    Endpoint(
        "/run-counts", "How many of the newest runs are in each state.", RunCounts, _counts, COMMON
    ),
)
STREAMS = (
    Stream(
        "/live/runs",
        "The newest runs, whenever the list changes.",
        lambda asked: DocumentSource(lambda: _runs(asked)),
        FILTERS,
    ),
)
