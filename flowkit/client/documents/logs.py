"""The documents of lines that tasks printed or logged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import TIME, Document


@dataclass(frozen=True, kw_only=True)
class LogLineDocument(Document):
    """A line that a task printed or logged. One document for each line."""

    SCHEMA: ClassVar[str] = "flowkit/log-line/1"
    run_id: Annotated[str, "The id of the run."]
    task: Annotated[str, "The name of the task."]
    attempt: Annotated[int, "The number of the attempt."]
    time: Annotated[str | None, f"When it was printed, by the worker's clock: {TIME}."]
    level: Annotated[str, "The name of its level. What a task prints is INFO."]
    stream: Annotated[str, "`stdout`, `stderr`, `log` (a log record) or `output` (a program's)."]
    text: Annotated[str, "The line. A log record may have several lines."]
    number: Annotated[int, "The number of the line in its attempt, from 1."]
    label: Annotated[str, "Of an item of a mapped task: its label, or empty."]
    missing: Annotated[int, "How many lines of the attempt before this one were not kept."]


@dataclass(frozen=True, kw_only=True)
class LogPartDocument(Document):
    """Some lines of a run, in the order in which they were stored."""

    SCHEMA: ClassVar[str] = "flowkit/log-part/1"
    run_id: Annotated[str, "The id of the run."]
    items: Annotated[list[LogLineDocument], "The lines. There may be none although there are more."]
    cursor: Annotated[str, "What to ask for the next part with."]
    more: Annotated[bool, "Whether there may be more lines now."]
