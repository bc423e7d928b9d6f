"""The documents about a system as a whole: workers, failed tasks, memory; and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, Document, ListDocument


@dataclass(frozen=True, kw_only=True)
class WorkerEntry:
    """A live worker."""

    worker: Annotated[str, "The id of the worker: one start of a process."]
    shard: Annotated[str | None, "The position of its shard, null if there is only one."]
    host: Annotated[str, "The name of its machine."]
    pid: Annotated[int, "The process id of its parent process."]
    app: Annotated[str, "The app that it serves."]
    queues: Annotated[list[str], "The queues that it serves."]
    processes: Annotated[int, "The number of its processes."]
    concurrency: Annotated[int, "The number of async tasks that each process runs at a time."]
    version: Annotated[str, "Its version of flowkit."]
    app_version: Annotated[str, "The version of the code that it runs, or empty."]
    other_versions: Annotated[list[str], "Further versions, after files of the app changed."]
    ready: Annotated[int | None, "The number of its processes that are ready, null if unknown."]
    waiting: Annotated[int, "The number of its processes whose task waits for another run."]
    busy: Annotated[int | None, "The number of its processes that run a plain task now."]
    busy_async: Annotated[int | None, "The number of async tasks that run now."]
    ended_per_minute: Annotated[
        dict[str, float] | None, "Attempts that end in a minute, by queue, null if unknown."
    ]


@dataclass(frozen=True, kw_only=True)
class Workers(ListDocument):
    """The live workers, and whether a scheduler leads."""

    SCHEMA: ClassVar[str] = "flowkit/workers/1"
    scheduler: Annotated[bool, "Whether a scheduler leads, in every shard."]
    shards: Annotated[int, "The number of shards."]
    shards_without: Annotated[list[str], "The shards without a leading scheduler."]
    items: Annotated[list[WorkerEntry], "The workers."]


@dataclass(frozen=True, kw_only=True)
class LetterEntry:
    """A task that failed for good."""

    run_id: Annotated[str, "The id of its run."]
    dag: Annotated[str, "The name of its DAG."]
    task: Annotated[str, "The name of the task."]
    attempt: Annotated[int, "The number of its last attempt."]
    worker: Annotated[str, "The process that ran it: `WORKER.NUMBER`."]
    failed: Annotated[str | None, f"When it failed: {TIME}."]
    error_type: Annotated[str, "The class of its last exception."]
    error_message: Annotated[str, "The message of its last exception."]
    at_most_once: Annotated[bool, "Whether it must not start a second time by itself."]
    label: Annotated[str, "Of an item of a mapped task: its label, or empty."]
    others: Annotated[
        int, "How many more items of its task failed that are not listed, see `--items`."
    ]
    below: Annotated[
        int, "How many failed tasks of its child runs, at any depth, are not listed, see `--items`."
    ]
    parent: Annotated[str | None, "The run of the task that has called its run."]
    parent_task: Annotated[str | None, "The name of that task."]


@dataclass(frozen=True, kw_only=True)
class Letters(ListDocument):
    """The tasks that failed for good, newest failure first."""

    SCHEMA: ClassVar[str] = "flowkit/dead/1"
    items: Annotated[list[LetterEntry], "The tasks."]


@dataclass(frozen=True, kw_only=True)
class Letter(Document, LetterEntry):
    """All details of one task that failed for good."""

    SCHEMA: ClassVar[str] = "flowkit/dead-task/1"
    traceback: Annotated[str, "The traceback from the worker."]
    params: Annotated[dict[str, object], "The parameters of its run."]
    inputs: Annotated[dict[str, int], "The bytes of the result of each upstream task, 0 for None."]
    damaged: Annotated[str, "What is wrong with the parameters, empty if nothing is."]


@dataclass(frozen=True, kw_only=True)
class UsageEntry:
    """The memory that the runs of one DAG take."""

    dag: Annotated[str, "The name of the DAG."]
    runs: Annotated[int, "How many runs were counted."]
    running: Annotated[int, "How many of them are not over."]
    memory: Annotated[int | None, "Bytes that they take in Redis, null if Redis does not tell."]
    largest_run: Annotated[str | None, "The run that takes the most."]
    largest_run_memory: Annotated[int | None, "Bytes that it takes."]


@dataclass(frozen=True, kw_only=True)
class Usage(ListDocument):
    """The memory of Redis that runs take, by DAG, the largest first."""

    SCHEMA: ClassVar[str] = "flowkit/usage/1"
    items: Annotated[list[UsageEntry], "The DAGs."]
    cut_short: Annotated[bool, "Whether there are older runs that were not counted."]


@dataclass(frozen=True, kw_only=True)
class ParamEntry:
    """A parameter. Type and default are text, as Python writes them."""

    name: Annotated[str, "The name of the parameter."]
    type: Annotated[str | None, "Its annotation."]
    required: Annotated[bool, "Whether it has no default."]
    default: Annotated[str | None, "Its default, null if it is required."]
    tasks: Annotated[list[str], "The tasks that take it."]
    description: Annotated[str, "What it means, or empty."]


@dataclass(frozen=True, kw_only=True)
class Params(Document):
    """The parameters of a factory and of the runs of its DAG."""

    SCHEMA: ClassVar[str] = "flowkit/params/1"
    factory: Annotated[list[ParamEntry], "The parameters of the function that makes the DAG."]
    run: Annotated[
        list[ParamEntry] | None,
        "The run parameters, null if the factory needs values to make the DAG.",
    ]
    matching: Annotated[int, "How many parameters match, without `--limit`."]
    more: Annotated[bool, "Whether more parameters match than are listed."]
