"""What is read of one run in words: why it stands, what happened to it, what its tasks printed."""

from __future__ import annotations

from ...basics.durations import MAX_DELAY_S
from ...basics.log_level import LogLevel
from ...client.documents.attempts import AttemptColumns, attempts_document
from ...client.documents.history import History
from ...client.documents.logs import LogPartDocument
from ...client.documents.make_history import history_document
from ...client.documents.make_logs import log_part_document
from ...client.documents.make_why import why_document
from ...client.documents.why import Why
from ..endpoint import Asked, BadParameter, Endpoint, Parameter, Stream
from ..live.history_source import HistorySource
from ..live.log_source import LogSource
from .run import run_id_of, run_of

MOST_LINES, MOST_EVENTS = 2_000, 1_000
LEVELS = (*LogLevel.__members__, "CRITICAL")


def _why(asked: Asked) -> Why:
    return why_document(run_of(asked).explain(asked.query["task"]))


def _history(asked: Asked) -> History:
    query, handle = asked.query, run_of(asked)
    events = handle.history(query["task"], since=query["since"])
    return history_document(handle.run_id, events, query["limit"])


def _attempts(asked: Asked) -> AttemptColumns:
    run_id, query = run_id_of(asked), asked.query
    try:
        part = asked.client.attempt_part(run_id, cursor=query["cursor"], limit=query["limit"])
    except ValueError as error:  # only the cursor is not checked yet
        raise BadParameter(str(error)) from None
    return attempts_document(run_id, part)


def _logs(asked: Asked) -> LogPartDocument:
    query, run_id = asked.query, run_id_of(asked)
    which = {name: query[name] for name in ("level", "cursor", "limit")}
    try:
        part = asked.client.log_part(run_id, query["task"], query["attempt"], **which)
    except ValueError as error:  # only the cursor is not checked yet
        raise BadParameter(str(error)) from None
    return log_part_document(run_id, part)


def _log_source(asked: Asked) -> LogSource:
    query = asked.query
    return LogSource(lambda: run_of(asked), query["task"], query["attempt"], query["level"])


def _history_source(asked: Asked) -> HistorySource:
    return HistorySource(lambda: run_of(asked), asked.query["task"])


TASK = Parameter("task", "Only of this task or item.")
OF_LINES = (
    TASK,
    Parameter("attempt", "Only of this attempt.", "number", least=1, most=10**9),
    Parameter("level", "Only lines of at least this level.", choices=LEVELS),
)
ENDPOINTS = (
    Endpoint(
        "/runs/{run}/why",
        "Why a run, or a task of it, is not over, or how it ended.",
        Why,
        _why,
        (Parameter("task", "The task or item; the run, if none is named."),),
    ),
    Endpoint(
        "/runs/{run}/history",
        "What happened to a run: the latest events, oldest first.",
        History,
        _history,
        (
            TASK,
            Parameter(
                "since", "Only events of the last so many seconds.", "seconds", most=MAX_DELAY_S
            ),
            Parameter("limit", "How many events.", "number", 200, least=1, most=MOST_EVENTS),
        ),
    ),
    Endpoint(
        "/runs/{run}/attempts",
        "The attempts of a run that others replaced, in parts.",
        AttemptColumns,
        _attempts,
        (
            Parameter("cursor", "The cursor of the part before.", default=""),
            Parameter("limit", "How many.", "number", MOST_EVENTS, least=1, most=MOST_EVENTS),
        ),
    ),
    Endpoint(
        "/runs/{run}/logs",
        "What the tasks of a run printed and logged, in parts.",
        LogPartDocument,
        _logs,
        (
            *OF_LINES,
            Parameter("cursor", "The cursor of the part before.", default=""),
            Parameter("limit", "How many lines.", "number", 500, least=1, most=MOST_LINES),
        ),
    ),
)
STREAMS = (
    Stream(
        "/live/runs/{run}/logs",
        "What the tasks of a run print: the last lines first, then new ones.",
        _log_source,
        OF_LINES,
    ),
    Stream(
        "/live/runs/{run}/history",
        "What happens to a run: the latest events first, then what changes.",
        _history_source,
        (TASK,),
    ),
)
