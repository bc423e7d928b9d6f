"""The documents about runs: lists of them, their state, their end, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import RUN_STATE, STOPPING, TIME, Document, ErrorDocument, ListDocument

_COUNTS = "How many tasks are in each state. States without a task are left out."


@dataclass(frozen=True)
class RunEntry:
    """A run in a list."""

    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, RUN_STATE]
    stopping: Annotated[bool, STOPPING]
    submitted: Annotated[str | None, f"When it was submitted: {TIME}."]
    duration: Annotated[float | None, "Seconds from the submission to the end, null until the end."]
    total: Annotated[int, "The number of its tasks."]
    counts: Annotated[dict[str, int], _COUNTS]
    parent: Annotated[str | None, "The run whose task has called it, null if it was submitted."]


@dataclass(frozen=True, kw_only=True)
class RunCounts(Document):
    """How many runs are in each state."""

    SCHEMA: ClassVar[str] = "flowkit/run-counts/1"
    states: Annotated[dict[str, int], "How many runs by state. States without one are left out."]
    cut_short: Annotated[bool, "Whether there are older runs that were not counted."]


@dataclass(frozen=True, kw_only=True)
class Runs(ListDocument):
    """The runs that match, newest first."""

    SCHEMA: ClassVar[str] = "flowkit/runs/1"
    items: Annotated[list[RunEntry], "The runs."]
    cut_short: Annotated[bool, "Whether there are older runs that were not searched."]
    next: Annotated[str | None, "What `--before` takes for the runs behind these, null for none."]


@dataclass(frozen=True)
class ProgressEntry:
    """How far a task has got, as its function reports it."""

    done: Annotated[float, "What is done so far."]
    total: Annotated[float | None, "How much there is in all, null if unknown."]
    text: Annotated[str, "A text beside the numbers, such as `rows`."]
    at: Annotated[str | None, f"When it was reported: {TIME}."]


@dataclass(frozen=True)
class TaskEntry:
    """A task of a run."""

    name: Annotated[str, "The name of the task."]
    state: Annotated[
        str,
        "`pending`, `queued`, `running`, `waiting`, `succeeded`, `failed`, `skipped`, "
        "`upstream_failed` or `cancelled`.",
    ]
    attempt: Annotated[int, "The number of its last attempt, 0 before the first."]
    worker: Annotated[str, "The process that ran it: `WORKER.NUMBER`, empty if none has."]
    queued: Annotated[str | None, f"When its last attempt was queued: {TIME}."]
    started: Annotated[str | None, f"When its last attempt started: {TIME}."]
    duration: Annotated[float | None, "Seconds that its last attempt took, null until its end."]
    error: Annotated[str | None, "Its last error: type and message."]
    cached: Annotated[bool, "Whether the result of an earlier run was reused."]
    app_version: Annotated[str, "The version of the code that it ran, empty if unknown."]
    progress: Annotated[
        ProgressEntry | None, "What a running task has reported, null if it has reported nothing."
    ]
    label: Annotated[str, "Of an item, what its task's `label` made of it, or empty."]
    items: Annotated[
        dict[str, int] | None, "Of a mapped task, how many of its items are in each state, or null."
    ]


@dataclass(frozen=True)
class ChildEntry:
    """A run that a task has called."""

    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str | None, f"{RUN_STATE} Null if it is gone."]
    task: Annotated[str, "The task that has called it."]
    attempt: Annotated[int, "The attempt of that task."]


@dataclass(frozen=True, kw_only=True)
class Status(Document):
    """The state of one run and its tasks."""

    SCHEMA: ClassVar[str] = "flowkit/status/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, RUN_STATE]
    stopping: Annotated[bool, STOPPING]
    submitted: Annotated[str | None, f"When it was submitted: {TIME}."]
    finished: Annotated[str | None, f"When it ended: {TIME}. Null until then."]
    duration: Annotated[float | None, "Seconds from the submission to the end, null until the end."]
    total: Annotated[int, "The number of its tasks."]
    counts: Annotated[dict[str, int], _COUNTS]
    memory: Annotated[int | None, "Bytes that it takes in Redis, null if Redis does not tell."]
    waiting_for: Annotated[str, "What it waits for, as `flowkit why` says, empty if it is over."]
    submitted_by: Annotated[str, "Who submitted it: `USER@HOST via CHANNEL`, or empty."]
    submitted_version: Annotated[str, "The version of the code that submitted it, or empty."]
    pinned_version: Annotated[str, "The version that it is kept to, or empty."]
    app_versions: Annotated[list[str], "The versions that its tasks ran."]
    mixed_versions: Annotated[bool, "Whether the same code ran in more than one version."]
    tasks: Annotated[
        list[TaskEntry] | None, "The tasks that match, failed ones first. Null with `--no-tasks`."
    ]
    matching: Annotated[int, "How many tasks match, without `--limit`."]
    more: Annotated[bool, "Whether more tasks match than `tasks` has."]
    mapped_items: Annotated[
        list[TaskEntry] | None, "With `--items`, items of the mapped tasks in `tasks`, else null."
    ]
    matching_items: Annotated[int, "How many items match, without `--limit`; 0 without `--items`."]
    parent: Annotated[str | None, "The run whose task has called it, null if it was submitted."]
    parent_task: Annotated[str | None, "The name of that task."]
    children: Annotated[list[ChildEntry], "The runs that its tasks have called, at most 1,000."]


@dataclass(frozen=True, kw_only=True)
class RunEnd(Document):
    """A run after a wait for its end: its results, or its error."""

    SCHEMA: ClassVar[str] = "flowkit/run-end/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, RUN_STATE + " `running` if the wait ended early."]
    duration: Annotated[float | None, "Seconds from the submission to the end, null until the end."]
    counts: Annotated[dict[str, int], _COUNTS]
    results: Annotated[dict[str, object], "The results so far, by task."]
    error: Annotated[ErrorDocument | None, "Why it failed, or why the wait for it ended early."]


@dataclass(frozen=True, kw_only=True)
class Results(Document):
    """The results of a run so far."""

    SCHEMA: ClassVar[str] = "flowkit/results/1"
    run_id: Annotated[str, "The id of the run."]
    state: Annotated[str, RUN_STATE]
    results: Annotated[dict[str, object], "The results, by task."]


@dataclass(frozen=True, kw_only=True)
class Submitted(Document):
    """A run that was submitted, or existed already."""

    SCHEMA: ClassVar[str] = "flowkit/submitted/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]


@dataclass(frozen=True, kw_only=True)
class Changed(Document):
    """A run that was cancelled or resumed."""

    SCHEMA: ClassVar[str] = "flowkit/changed/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    state: Annotated[str, RUN_STATE]


@dataclass(frozen=True, kw_only=True)
class Retry(Document):
    """The tasks of a run that start again."""

    SCHEMA: ClassVar[str] = "flowkit/retry/1"
    run_id: Annotated[str, "The id of the run."]
    tasks: Annotated[list[str], "The tasks that start again."]
    resumed: Annotated[bool, "Whether the run was over and was resumed."]


@dataclass(frozen=True)
class DeletedRun:
    """A run that was to be deleted."""

    run_id: Annotated[str, "The id of the run."]
    outcome: Annotated[str, "`deleted`, `missing`, or `running`: it is not over, and was kept."]


@dataclass(frozen=True, kw_only=True)
class Deleted(Document):
    """The outcome for each run that was to be deleted."""

    SCHEMA: ClassVar[str] = "flowkit/deleted/1"
    items: Annotated[list[DeletedRun], "The runs, in the order in which they were named."]
