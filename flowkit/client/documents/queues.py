"""The document about the queues of a system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, ListDocument


@dataclass(frozen=True, kw_only=True)
class UnservedEntry:
    """Tasks of a queue that wait for a function which no live worker of the queue has."""

    waiting: Annotated[int, "How many tasks."]
    run_id: Annotated[str, "The run of one of them."]
    task: Annotated[int, "The number of this task in its DAG."]


@dataclass(frozen=True, kw_only=True)
class QueueEntry:
    """A queue. Numbers of several shards are added up."""

    queue: Annotated[str, "The name of the queue."]
    waiting: Annotated[int, "How many tasks wait for a free process."]
    levels: Annotated[dict[str, int], "How many of them by priority, `!` for tasks that run alone."]
    oldest: Annotated[str | None, f"Since when the first of them waits: {TIME}."]
    oldest_seconds: Annotated[float | None, "How long it has waited."]
    delayed: Annotated[
        int | None, "How many tasks wait for a retry or a function, null if it may not be read."
    ]
    unserved: Annotated[list[UnservedEntry], "Waiting tasks whose function no worker has."]
    workers: Annotated[int, "How many live workers serve the queue."]
    processes: Annotated[int, "How many processes they have."]
    busy: Annotated[int | None, "How many of these execute a plain function, for any queue."]
    busy_async: Annotated[int | None, "How many `async` tasks these workers execute."]
    per_minute: Annotated[float | None, "How many attempts ended in the last minute."]
    mean_seconds: Annotated[float | None, "Their mean duration."]
    problem: Annotated[str, "What keeps its tasks from starting and what to do, or empty."]


@dataclass(frozen=True, kw_only=True)
class Queues(ListDocument):
    """The queues that were ever used or that a worker serves, those with most tasks first."""

    SCHEMA: ClassVar[str] = "flowkit/queues/1"
    items: Annotated[list[QueueEntry], "The queues."]
    cut_short: Annotated[bool, "Whether there is more than was counted."]
