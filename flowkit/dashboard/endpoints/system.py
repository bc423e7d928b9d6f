"""Workers, queues, findings and memory: the system as a whole."""

from __future__ import annotations

from ...client.documents.doctor import Doctor
from ...client.documents.make_doctor import doctor_document
from ...client.documents.make_queues import by_waiting, queues_document
from ...client.documents.make_usage import usage_document
from ...client.documents.make_workers import read_workers
from ...client.documents.queues import Queues
from ...client.documents.system import Usage, Workers
from ...core.worker_info import WorkerInfo
from ..endpoint import Asked, Endpoint, Parameter, Stream
from ..live.depths import QueueSource
from ..live.source import DocumentSource


def _workers(asked: Asked) -> Workers:
    query = asked.query

    def is_wanted(info: WorkerInfo) -> bool:
        serves = query["queue"] is None or query["queue"] in info.queues
        return serves and query["host"] in (None, info.host) and query["app"] in (None, info.app)

    return read_workers(asked.client.shards, query["limit"], is_wanted)[0]


def _queues(asked: Asked) -> Queues:
    listing = asked.client.queues()
    return queues_document(listing, by_waiting(listing), asked.query["limit"])


def _doctor(asked: Asked) -> Doctor:
    return doctor_document(asked.client.doctor(asked.query["seconds"]))


def _usage(asked: Asked) -> Usage:
    listing = asked.client.usage(asked.query["limit"])
    return usage_document(listing, listing)


_WORKERS = (
    Parameter("limit", "How many workers.", "number", 1_000, least=1, most=10_000),
    Parameter("queue", "Only workers that serve this queue."),
    Parameter("host", "Only workers on this machine."),
    Parameter("app", "Only workers that serve this app."),
)
_QUEUES = (Parameter("limit", "How many queues.", "number", 200, least=1, most=10_000),)
_DOCTOR = (
    Parameter(
        "seconds", "How long to measure the growth of memory.", "seconds", 0.2, least=0, most=5
    ),
)
_USAGE = (
    Parameter("limit", "How many runs of each shard count.", "number", 500, least=1, most=5_000),
)
ENDPOINTS = (
    Endpoint(
        "/workers", "The live workers, and whether a scheduler leads.", Workers, _workers, _WORKERS
    ),
    Endpoint("/queues", "The queues, those with most tasks first.", Queues, _queues, _QUEUES),
    Endpoint("/doctor", "The findings about the system.", Doctor, _doctor, _DOCTOR),
    Endpoint("/usage", "The memory that runs take, by DAG.", Usage, _usage, _USAGE),
)
STREAMS = (
    Stream(
        "/live/workers",
        "The live workers, whenever they change.",
        lambda asked: DocumentSource(lambda: _workers(asked)),
        _WORKERS,
    ),
    Stream(
        "/live/queues",
        "The queues, and how many tasks waited in them since the first page watched.",
        lambda asked: QueueSource(lambda: _queues(asked)),
        _QUEUES,
    ),
)
