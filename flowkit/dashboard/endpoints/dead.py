"""Tasks that failed for good, and to retry many of them."""

from __future__ import annotations

from ...basics.durations import MAX_DELAY_S
from ...client.documents.api import Acted
from ...client.documents.document import Damaged
from ...client.documents.make_dead import letters_document
from ...client.documents.system import Letters
from ...exceptions import FlowkitError, RedisUnavailable
from ..endpoint import Asked, Endpoint, Field, Parameter, Stream
from ..live.source import DocumentSource

MOST_RETRIED = 500  # runs at once


def _letters(asked: Asked) -> Letters:
    query = asked.query
    return letters_document(
        asked.client.dead_letters(
            query["dag"], query["since"], query["limit"], fold=not query["items"]
        )
    )


def _retry(asked: Asked) -> Acted:
    done: list[str] = []
    refused: list[Damaged] = []
    for run, tasks in asked.body["runs"].items():
        try:
            asked.client.retry_dead(run, *tasks)
        except RedisUnavailable:
            raise
        except (FlowkitError, ValueError) as error:
            refused.append(Damaged(run, str(error)))
        else:
            done.append(run)
    return Acted(runs=done, refused=refused)


_FILTERS = (
    Parameter("limit", "How many tasks.", "number", 200, least=1, most=2_000),
    Parameter("dag", "Only tasks of the DAG with this name."),
    Parameter("since", "Only failures of the last so many seconds.", "seconds", most=MAX_DELAY_S),
    Parameter("items", "Each item of a mapped task, not just the last.", "flag", default=False),
)
ENDPOINTS = (
    Endpoint(
        "/dead",
        "The tasks that failed for good, newest failure first.",
        Letters,
        _letters,
        _FILTERS,
    ),
    Endpoint(
        "/dead/retry",
        "Retry tasks that failed for good.",
        Acted,
        _retry,
        method="POST",
        acts=True,
        body=(
            Field(
                "runs",
                "Names of tasks by run. Without names, all tasks of the run that failed are meant.",
                "texts by name",
                least=1,
                most=MOST_RETRIED,
                required=True,
            ),
        ),
    ),
)
STREAMS = (
    Stream(
        "/live/dead",
        "The tasks that failed for good, whenever they change.",
        lambda asked: DocumentSource(lambda: _letters(asked), 5.0),
        _FILTERS,
    ),
)
