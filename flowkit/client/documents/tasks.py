"""The documents about one task of a run: its details, its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import RUN_STATE, Document
from .history import HistoryEntry
from .runs import TaskEntry


@dataclass(frozen=True, kw_only=True)
class ValueEntry:
    """A value for display. It was decoded without classes and libraries."""

    type: Annotated[str, "The name of its class, empty if the value was not read."]
    size: Annotated[int, "Its bytes as it is stored, 0 for null."]
    value: Annotated[object, "The value as JSON values, or its beginning."]
    cut: Annotated[bool, "Whether the value is longer than that."]
    problem: Annotated[str, "Why there is no value, empty if there is one."]


@dataclass(frozen=True, kw_only=True)
class InputEntry:
    """A task that is before another one."""

    task: Annotated[str, "Its name."]
    state: Annotated[str, "Its state, as of a task."]
    passes: Annotated[bool, "Whether its result is passed, not only the order kept."]
    value: Annotated[ValueEntry | None, "Its result; null without one, and beyond the first 20."]
    element: Annotated[
        int | None,
        "The index of the element of its result that an item gets; `value` is that element. Null "
        "for the whole result.",
    ]


@dataclass(frozen=True, kw_only=True)
class PolicyEntry:
    """How the attempts of a task run."""

    queue: Annotated[str, "The queue that it waits in."]
    priority: Annotated[int, "From 0 (last) to 9 (first)."]
    retries: Annotated[int, "How many attempts follow the first one, at most."]
    delay: Annotated[float, "Seconds before the first retry."]
    backoff: Annotated[float, "By what each further delay is multiplied."]
    max_delay: Annotated[float | None, "The longest delay in seconds, null for no limit."]
    timeout: Annotated[float | None, "The longest attempt in seconds, null for no limit."]
    trigger: Annotated[str, "How the tasks before it must have ended."]
    at_most_once: Annotated[bool, "Whether it must not start a second time by itself."]
    keep_result: Annotated[bool, "Whether its result is kept until the TTL of the run is over."]
    is_async: Annotated[bool, "Whether its function is a coroutine function."]


@dataclass(frozen=True, kw_only=True)
class TaskDocument(Document):
    """All details of one task or item of a run."""

    SCHEMA: ClassVar[str] = "flowkit/task/1"
    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str, "The name of its DAG."]
    run_state: Annotated[str, RUN_STATE]
    task: Annotated[TaskEntry, "Its state."]
    code: Annotated[str, "Where its function is defined: `module:function`."]
    policy: Annotated[PolicyEntry, "How its attempts run."]
    mapped: Annotated[bool, "Whether it is a mapped task, or an item of one."]
    item_of: Annotated[str | None, "Of an item, its mapped task."]
    inputs: Annotated[list[InputEntry], "The tasks before it, at most 100."]
    more_inputs: Annotated[bool, "Whether there are more."]
    arguments: Annotated[ValueEntry | None, "Its fixed arguments, null without any."]
    params: Annotated[ValueEntry | None, "The parameters of the run, null without any."]
    attempts: Annotated[
        list[HistoryEntry], "Its latest 50 attempts, oldest first; none of a mapped task."
    ]
    result: Annotated[ValueEntry | None, "Its result, null unless it has succeeded."]


@dataclass(frozen=True, kw_only=True)
class ResultDocument(Document):
    """The result of one task or item."""

    SCHEMA: ClassVar[str] = "flowkit/result/1"
    run_id: Annotated[str, "The id of the run."]
    task: Annotated[str, "The name of the task."]
    result: Annotated[ValueEntry | None, "Its result, null unless it has succeeded."]
