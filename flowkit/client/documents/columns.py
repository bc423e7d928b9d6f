"""The document of the tasks of a run as columns, which views of large runs read.

An object for each task would take ten times as many bytes. Here each field is one list or one text,
in the order of the graph. Times are whole milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .document import Document
from .runs import Status, TaskEntry
from .why import Why


@dataclass(frozen=True, kw_only=True)
class RunColumns(Document):
    """The tasks of a run as columns. A retried task has more than one attempt."""

    SCHEMA: ClassVar[str] = "flowkit/run-columns/1"
    run_id: Annotated[str, "The id of the run."]
    names: Annotated[list[str], "The names of the tasks."]
    states: Annotated[
        str,
        "A letter for each task: `p`ending, `q`ueued, `r`unning, `w`aiting, `s`ucceeded, "
        "`f`ailed, s`k`ipped, `u`pstream failed, `c`ancelled. A mapped task runs while its items "
        "do.",
    ]
    attempts: Annotated[list[int], "The number of the last attempt, 0 before the first."]
    queued: Annotated[
        list[int | None],
        "When the last attempt was queued, in ms after the submission of the run.",
    ]
    waited: Annotated[list[int | None], "How long it was in the queue before it started."]
    took: Annotated[list[int | None], "How long it took, null until its end."]
    workers: Annotated[list[str], "The processes that ran tasks: `WORKER.NUMBER`."]
    lanes: Annotated[list[int], "The position of its process in `workers`, -1 for none."]
    cached: Annotated[list[int], "The tasks that reused the result of an earlier run."]
    errors: Annotated[dict[str, str], "Last errors, cut, by the number of the task; at most 1,000."]
    progress: Annotated[dict[str, str], "What running tasks report, by the number of the task."]
    items: Annotated[
        dict[str, dict[str, int]],
        "How many items of a mapped task are in each state, by the number of the task.",
    ]
    retried: Annotated[
        dict[str, int],
        "How many items of a mapped task made more than one attempt, by the number of the task.",
    ]
    edges: Annotated[
        list[int],
        "Edges that pass results: upstream, downstream, upstream, downstream, … Each number is the "
        "difference to that of the edge before.",
    ]
    order: Annotated[list[int], "Edges that only say which task comes first, in the same form."]


@dataclass(frozen=True, kw_only=True)
class RunHeader(Document):
    """What is shown of a run as a whole."""

    SCHEMA: ClassVar[str] = "flowkit/run-header/1"
    status: Annotated[Status, "Its state, without tasks."]
    why: Annotated[Why, "Why it is not over, or how it ended."]
    left: Annotated[float | None, "Estimated seconds to its end, null if nothing can be said."]
    params: Annotated[dict[str, object], "Its parameters; empty if they cannot be read."]


@dataclass(frozen=True, kw_only=True)
class Items(Document):
    """Items of a mapped task, in their order."""

    SCHEMA: ClassVar[str] = "flowkit/items/1"
    run_id: Annotated[str, "The id of the run."]
    task: Annotated[str, "The name of the mapped task."]
    items: Annotated[list[TaskEntry], "The items."]
    more: Annotated[bool, "Whether there are more of them."]
