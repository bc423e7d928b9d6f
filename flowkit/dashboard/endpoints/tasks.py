"""One task of a run: its details, and its result.

A task is named by the path, or by the query: browsers take a part ``.`` or ``..`` out of a path.
"""

from __future__ import annotations

from ...client.documents.make_tasks import result_document, task_document
from ...client.documents.tasks import ResultDocument, TaskDocument
from ..endpoint import Asked, Endpoint, Parameter, Stream
from ..live.source import DocumentSource
from .run import run_id_of


def _task(asked: Asked) -> TaskDocument:
    name = asked.path.get("task") or asked.query["task"]
    return task_document(asked.client.task_details(run_id_of(asked), name))


def _result(asked: Asked) -> ResultDocument:
    run_id, task = run_id_of(asked), asked.query["task"]
    preview = asked.client.preview(run_id, task, whole=asked.query["download"])
    return result_document(run_id, task, preview)


NAMED = Parameter("task", "The name of a task or an item.", required=True)
ENDPOINTS = (
    Endpoint("/runs/{run}/tasks/{task:path}", "One task or item of a run.", TaskDocument, _task),
    Endpoint(
        "/runs/{run}/task",
        "The same, also of a task named `.` or `..`, which a path cannot have.",
        TaskDocument,
        _task,
        (NAMED,),
    ),
    Endpoint(
        "/runs/{run}/result",
        "The result of a task: its beginning, or all of it as a file, up to 1 MiB.",
        ResultDocument,
        _result,
        (
            NAMED,
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
    Stream(
        "/live/runs/{run}/task",
        "The same, of a task that the query names.",
        lambda asked: DocumentSource(lambda: _task(asked)),
        (NAMED,),
    ),
)
