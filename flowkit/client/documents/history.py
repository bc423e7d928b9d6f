"""The document of ``flowkit history``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, ListDocument


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that happened to a run."""

    at: Annotated[str | None, f"When it happened: {TIME}."]
    what: Annotated[
        str,
        "`submitted`, `attempt`, `not_run`, `stopping`, `cancelled`, `resumed`, "
        "`mapped`: a mapped task is over, `hastened`: a waiting task was made due, `taken_over`, "
        "`ended`, or `cut`: older events are no longer kept.",
    ]
    text: Annotated[str, "The event as a sentence."]
    by: Annotated[str, "Who did it, as that program says: `USER@HOST via CHANNEL`, or empty."]
    task: Annotated[str | None, "The task."]
    attempt: Annotated[int | None, "The number of the attempt."]
    outcome: Annotated[
        str,
        "Of an attempt: `running`, `succeeded`, `cached`, `failed`, `skipped`, `cancelled`, "
        "`retry`, `again`, `called`, `put_off`, `died`, `suspect`, `lost` or `released`. Of a task "
        "that did not run, and of a run: its state.",
    ]
    worker: Annotated[str, "The worker of the attempt, or empty."]
    app_version: Annotated[str, "The version of the code that the attempt ran, or empty."]
    queued: Annotated[str | None, f"When the attempt was queued: {TIME}."]
    started: Annotated[str | None, f"When it started: {TIME}."]
    ended: Annotated[str | None, f"When it ended: {TIME}."]
    due: Annotated[str | None, f"When the next attempt is due: {TIME}."]
    error: Annotated[str | None, "The error of the attempt: type and message."]
    traceback: Annotated[str, "Its traceback, or empty."]
    rerun: Annotated[bool, "Whether a resume has made the task run again since."]
    tasks: Annotated[list[str], "The tasks that a resume or a retry named."]
    items: Annotated[
        dict[str, int], "Of a mapped task that is over, how many of its items are in each state."
    ]
    parent: Annotated[
        str | None,
        "Of `submitted`: the run of the task that has called this one, in `attempt`.",
    ]
    parent_task: Annotated[str | None, "The name of that task."]
    label: Annotated[str, "Of an item of a mapped task: its label, or empty."]


@dataclass(frozen=True, kw_only=True)
class History(ListDocument):
    """What happened to a run, oldest first; with `--limit`, the latest events."""

    SCHEMA: ClassVar[str] = "flowkit/history/1"
    run_id: Annotated[str, "The id of the run."]
    items: Annotated[list[HistoryEntry], "The events."]
