"""The document of ``flowkit top``: a system at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import RUN_STATE, STOPPING, TIME, Damaged, Document
from .queues import QueueEntry


@dataclass(frozen=True, kw_only=True)
class TopRun:
    """A run."""

    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, RUN_STATE]
    stopping: Annotated[bool, STOPPING]
    submitted: Annotated[str | None, f"When it was submitted: {TIME}."]
    total: Annotated[int, "The number of its tasks."]
    counts: Annotated[dict[str, int], "How many of them are in each state."]


@dataclass(frozen=True, kw_only=True)
class TopWorker:
    """A live worker."""

    worker: Annotated[str, "The id of the worker."]
    host: Annotated[str, "The name of its machine."]
    app: Annotated[str, "The app that it serves."]
    queues: Annotated[list[str], "The queues that it serves."]
    processes: Annotated[int, "The number of its processes."]
    busy: Annotated[int | None, "How many of them execute a plain function."]
    busy_async: Annotated[int | None, "How many `async` tasks it executes."]
    per_minute: Annotated[float | None, "How many attempts ended in the last minute."]


@dataclass(frozen=True, kw_only=True)
class Top(Document):
    """A system at one moment."""

    SCHEMA: ClassVar[str] = "flowkit/top/1"
    now: Annotated[str | None, f"The time of Redis: {TIME}."]
    scheduler: Annotated[bool, "Whether a scheduler leads, in every shard."]
    unfinished: Annotated[int | None, "How many runs are not over, null if it may not be read."]
    runs: Annotated[list[TopRun], "Unfinished runs first, then the newest of the others."]
    queues: Annotated[list[QueueEntry], "The queues."]
    workers: Annotated[list[TopWorker], "The live workers."]
    damaged: Annotated[list[Damaged], "The runs and workers that cannot be read."]
