"""The document about why a run or a task is not over, or how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, Document


@dataclass(frozen=True, kw_only=True)
class CauseEntry:
    """A cause, and the tasks of the run that it holds up."""

    cause: Annotated[str, "One word of the [table of causes](../howto/why.md#all-causes)."]
    count: Annotated[int, "How many tasks it holds up, those that wait for such tasks included."]
    direct: Annotated[int, "How many of them it holds up itself."]
    task: Annotated[str, "One of these tasks."]
    root: Annotated[str, "The task that this one waits for, empty if it waits for no task."]
    sentence: Annotated[str, "The cause in words."]
    since: Annotated[str | None, f"Since when, null if unknown: {TIME}."]
    until: Annotated[str | None, f"When it changes, null if unknown: {TIME}."]
    holder: Annotated[str, "What holds the task: a worker, a queue or a run; empty for none."]
    by: Annotated[str, "Who changes it next: `worker`, `scheduler`, `time`, `user` or `root`."]
    next: Annotated[str, "What that does."]
    command: Annotated[str, "A command that helps, empty if only waiting does."]


@dataclass(frozen=True, kw_only=True)
class FailureEntry:
    """The failure of a run: the task that began it, and what it blocked."""

    task: Annotated[str, "The first task that failed, empty if the scheduler failed the run."]
    label: Annotated[str, "Of an item of a mapped task: its label, or empty."]
    error: Annotated[str, "Its last error: type and message."]
    attempts: Annotated[int, "How many attempts it made."]
    worker: Annotated[str, "The worker of its last attempt."]
    ended: Annotated[str | None, f"When it failed: {TIME}."]
    failed: Annotated[int, "How many tasks failed in all."]
    upstream_failed: Annotated[int, "How many tasks did not run, since a task upstream failed."]
    cancelled: Annotated[int, "How many tasks were cancelled."]
    command: Annotated[str, "The command that continues the run, empty while it is not over."]
    run: Annotated[str, "The child run in which the task failed, empty if it failed itself."]


@dataclass(frozen=True, kw_only=True)
class Why(Document):
    """Why a run or one of its tasks is not over, or how it ended."""

    SCHEMA: ClassVar[str] = "flowkit/why/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    task: Annotated[str | None, "The name of the task, null for the run."]
    state: Annotated[str, "The state of the run or the task."]
    stopping: Annotated[bool, "Whether the run is running and was told to stop."]
    over: Annotated[bool, "Whether it is over."]
    sentence: Annotated[str, "The leading cause, or the end, in words."]
    command: Annotated[str, "A command that helps, or empty."]
    causes: Annotated[
        list[CauseEntry],
        "The causes, the leading one first. One for a task, none for what is over.",
    ]
    failure: Annotated[FailureEntry | None, "The failure of the run, null without one."]
