"""One task of a run: its details, and its result."""

from __future__ import annotations

from ...client.documents.make_tasks import result_document, task_document
from ...client.documents.tasks import ResultDocument, TaskDocument
from ..endpoint import Asked, Endpoint, Parameter, Stream
from ..live.source import DocumentSource
from .run import run_id_of


def _task(asked: Asked) -> TaskDocument:
    return task_document(asked.client.task_details(run_id_of(asked), asked.path["task"]))


def _result(asked: Asked) -> ResultDocument:
    run_id, task = run_id_of(asked), asked.query["task"]
    preview = asked.client.preview(run_id, task, whole=asked.query["download"])
    return result_document(run_id, task, preview)


ENDPOINTS = (
    Endpoint("/runs/{run}/tasks/{task:path}", "One task or item of a run.", TaskDocument, _task),
    Endpoint(
        "/runs/{run}/result",
        "The result of a task: its beginning, or all of it as a file, up to 1 MiB.",
        ResultDocument,
        _result,
        (
            Parameter("task", "The name of a task or an item.", required=True),
            Parameter("download", "Whether to answer with a file.", "flag", default=False),
        ),
        file="result.json",
    ),
)
STREAMS = (
    Stream(
        "/live/runs/{run}/tasks/{task:path}",
        "One task or item of a run, whenever it changes.",
        lambda asked: DocumentSource(lambda: _task(asked)),
    ),
)
