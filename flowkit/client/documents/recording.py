"""The document of a recording: a whole run, to be looked at without its system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .attempts import AttemptColumns
from .columns import RunColumns, RunHeader
from .document import TIME, Document
from .history import History
from .logs import LogLineDocument
from .plan import GraphPlan
from .runs import TaskEntry
from .tasks import PolicyEntry, ValueEntry
from .why import Why


@dataclass(frozen=True, kw_only=True)
class RecordedAttempt:
    """An attempt of a task or an item."""

    task: Annotated[str, "The name of the task or item."]
    attempt: Annotated[int, "The number of the attempt."]
    at: Annotated[str | None, f"When it ended, or started if it has not: {TIME}."]
    outcome: Annotated[str, "How it ended, as in the history."]
    worker: Annotated[str, "Its worker, or empty."]
    app_version: Annotated[str, "The version of the code that it ran, or empty."]
    rerun: Annotated[bool, "Whether a resume has made the task run again since."]
    error: Annotated[str | None, "Its error: type and message."]
    traceback: Annotated[str, "Its traceback, or empty."]


@dataclass(frozen=True, kw_only=True)
class RecordedItem(TaskEntry):
    """An item of a mapped task."""

    item_of: Annotated[str, "The name of the mapped task."]


@dataclass(frozen=True, kw_only=True)
class RecordedValue(ValueEntry):
    """A value of a task or an item."""

    task: Annotated[str, "The name of the task or item."]


@dataclass(frozen=True, kw_only=True)
class Recording(Document):
    """A whole run at one moment, within bounds."""

    SCHEMA: ClassVar[str] = "flowkit/recording/1"
    run_id: Annotated[str, "The id of the run."]
    recorded: Annotated[str | None, f"When it was made: {TIME}."]
    flowkit: Annotated[str, "The version of flowkit that made it."]
    left_out: Annotated[list[str], "A sentence for each part that is not complete."]
    header: Annotated[RunHeader, "The run without its tasks."]
    columns: Annotated[RunColumns, "Its tasks."]
    graphs: Annotated[
        list[GraphPlan],
        "How it is drawn: as by default, and if that differs with and without shared boxes.",
    ]
    whys: Annotated[
        list[Why], "Why tasks are not over, or did not succeed, at most 200; `header` has the run."
    ]
    history: Annotated[History, "The latest 500 events."]
    earlier: Annotated[AttemptColumns, "When the attempts ran that others replaced."]
    attempts: Annotated[list[RecordedAttempt], "The attempts, oldest first, at most 20,000."]
    items: Annotated[list[RecordedItem], "The first items of mapped tasks, at most 5,000."]
    lines: Annotated[
        list[LogLineDocument],
        "The newest 3,000 lines that tasks printed, and up to 1,000 older ones of tasks that "
        "failed.",
    ]
    earlier_lines: Annotated[int, "How many lines there are that it does not have."]
    results: Annotated[list[RecordedValue], "The results of tasks and items."]
    arguments: Annotated[list[RecordedValue], "The fixed arguments of tasks."]
    params: Annotated[ValueEntry | None, "The parameters of the run, null without any."]
    functions: Annotated[list[str], "The functions that tasks call: `module:function`."]
    function_of: Annotated[list[int], "The position of its function in `functions`, by task."]
    policies: Annotated[list[PolicyEntry], "How attempts run."]
    policy_of: Annotated[list[int], "The position of its policy in `policies`, by task."]
