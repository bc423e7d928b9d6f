"""The documents about DAGs: how their runs and their tasks go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import ListDocument
from .runs import RunEntry


@dataclass(frozen=True, kw_only=True)
class SpreadEntry:
    """Percentiles of durations, in seconds."""

    count: Annotated[int, "How many durations."]
    p10: Annotated[float, "A tenth of them is not longer."]
    p50: Annotated[float, "The median."]
    p90: Annotated[float, "Nine tenths of them are not longer."]
    p99: Annotated[float, "99 % of them are not longer."]
    longest: Annotated[float, "The longest."]


@dataclass(frozen=True, kw_only=True)
class DAGEntry:
    """How the newest runs of the DAGs of one name went."""

    dag: Annotated[str, "The name of the DAG."]
    runs: Annotated[int, "How many runs were counted."]
    states: Annotated[dict[str, int], "How many of them are in each state."]
    failure_rate: Annotated[
        float | None, "The part that failed of those that succeeded or failed, null without any."
    ]
    took: Annotated[
        SpreadEntry | None, "From submission to end, of those that succeeded; null without any."
    ]
    recent: Annotated[list[RunEntry], "The newest of them, newest first."]


@dataclass(frozen=True, kw_only=True)
class DAGs(ListDocument):
    """The DAGs that have runs, the one with the newest run first."""

    SCHEMA: ClassVar[str] = "flowkit/dags/1"
    items: Annotated[list[DAGEntry], "The DAGs."]
    cut_short: Annotated[bool, "Whether there are older runs that were not counted."]


@dataclass(frozen=True, kw_only=True)
class TaskActivityEntry:
    """How a task went in the newest runs of its DAG. Items of a mapped task count as its own."""

    task: Annotated[str, "The name of the task."]
    mapped: Annotated[bool, "Whether it is mapped."]
    ended: Annotated[int, "How many executions were counted."]
    failed: Annotated[int, "How many of them failed."]
    retried: Annotated[int, "How many of them needed more than one attempt."]
    took: Annotated[
        SpreadEntry | None, "The last attempt, of those that succeeded; null without any."
    ]


@dataclass(frozen=True, kw_only=True)
class TaskActivities(ListDocument):
    """How the tasks of a DAG go, the slowest first."""

    SCHEMA: ClassVar[str] = "flowkit/task-activity/1"
    dag: Annotated[str, "The name of the DAG."]
    items: Annotated[list[TaskActivityEntry], "The tasks."]
    cut_short: Annotated[bool, "Whether there are runs that were not counted."]
