"""DAGs: how their runs and their tasks go."""

from __future__ import annotations

from ...basics.durations import MAX_DELAY_S
from ...client.documents.dags import DAGs, TaskActivities
from ...client.documents.make_dags import dags_document, task_activities_document
from ..endpoint import Asked, Endpoint, Parameter


def _dags(asked: Asked) -> DAGs:
    listing = asked.client.dags(asked.query["runs"], asked.query["since"])
    return dags_document(listing, asked.query["limit"])


def _tasks(asked: Asked) -> TaskActivities:
    dag = asked.path["name"]
    listing = asked.client.task_activity(dag, asked.query["runs"])
    return task_activities_document(dag, listing, asked.query["limit"])


ENDPOINTS = (
    Endpoint(
        "/dags",
        "The DAGs that have runs, and how these went.",
        DAGs,
        _dags,
        (
            Parameter("runs", "How many runs are counted.", "number", 1_000, least=1, most=10_000),
            Parameter("limit", "How many DAGs.", "number", 200, least=1, most=1_000),
            Parameter(
                "since", "Only runs of the last so many seconds.", "seconds", most=MAX_DELAY_S
            ),
        ),
    ),
    Endpoint(
        "/task-activity/{name:path}",
        "How the tasks of a DAG went in its newest runs, the slowest first.",
        TaskActivities,
        _tasks,
        (
            Parameter("runs", "How many runs are counted.", "number", 20, least=1, most=100),
            Parameter("limit", "How many tasks.", "number", 200, least=1, most=5_000),
        ),
    ),
)
