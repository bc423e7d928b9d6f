"""The complete state of a run: each task, and if the run does not proceed, the reason.

Reading it costs a round trip per thousand tasks; ``RunHandle.record`` is cheaper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..basics.counted import counted
from ..core.called_run import CalledRun
from ..core.graph import Graph
from ..core.states import RunState, TaskState
from ..core.task_progress import TaskProgress
from ..drawing.marks import duration_text
from ..drawing.picture import Picture, as_dot, as_mermaid, as_text, marked

_BEGUN = frozenset({"queued", "running", "waiting", "succeeded", "failed"})


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The state of one task or item. Times are in seconds; None if it has not got that far."""

    name: str
    state: TaskState
    attempt: int
    worker: str
    started: float | None
    duration: float | None
    error: str | None = None
    cached: bool = False  # it did not run: the result of an earlier run was reused
    app_version: str = ""  # of the code that its last attempt ran, "" if unknown
    progress: TaskProgress | None = None  # what a running task has reported, see flowkit.track
    label: str = ""  # of an item: what its task's ``label`` made of it
    items: Mapping[str, int] | None = None  # of a mapped task: its items by state
    retried_items: int = 0  # how many of them made more than one attempt
    queued: float | None = None  # when its last attempt was queued

    @property
    def total_items(self) -> int:
        """The number of items of a mapped task, 0 of another."""
        return sum((self.items or {}).values())


def shown_state(task: TaskStatus) -> TaskState:
    """Return the state of a task as people see it: a mapped task runs while its items do."""
    if task.state is TaskState.PENDING and _BEGUN & (task.items or {}).keys():
        return TaskState.RUNNING
    return task.state


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The state of a run. ``waiting_for``: what it waits for, "" if it is over.

    ``submitted_by``: who submitted it, as that program says. ``submitted_version``: the version of
    the code that submitted it; ``pinned_version``: the one that it is kept to; ``app_versions``:
    those that its attempts ran; "" or empty if unknown. ``mixed_versions``: whether the same code
    ran in more than one version.

    ``memory``: bytes that it takes in Redis, without its graph, which other runs may share; large
    hashes are estimated. None if Redis does not tell. ``submitted`` and ``finished`` are seconds
    since 1970 by Redis' clock. ``graph`` is the graph of the run; without it, drawings have no
    edges. ``parent_run``, ``parent_task``: the task that has called it, "" if it was submitted.
    ``children``: the runs that its tasks have called, at most 1,000.
    """

    run_id: str
    dag_name: str
    state: RunState
    stopping: bool
    submitted: float
    finished: float | None
    total: int
    counts: dict[str, int]
    tasks: list[TaskStatus] = field(default_factory=list)
    waiting_for: str = ""
    graph: Graph | None = field(default=None, repr=False, compare=False)
    submitted_by: str = ""
    submitted_version: str = ""
    pinned_version: str = ""
    app_versions: list[str] = field(default_factory=list)
    mixed_versions: bool = False
    memory: int | None = None
    parent_run: str = ""
    parent_task: str = ""
    children: Sequence[CalledRun] = ()

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.state is not RunState.RUNNING

    @property
    def duration(self) -> float | None:
        """Seconds from submission to the end, None until the run has ended."""
        return None if self.finished is None else self.finished - self.submitted

    def picture(self) -> Picture:
        """Return the tasks, the edges of the graph, and the state of each task."""
        names, graph = [task.name for task in self.tasks], self.graph
        edges, order = ([], []) if graph is None else (graph.data_edges(), graph.order_edges())
        mapped = [number for number, task in enumerate(self.tasks) if task.items is not None]
        return marked(self.dag_name, names, edges, self, order, mapped)

    def visualize(self) -> str:
        """Return the tasks with their states and neighbours, as text."""
        return as_text(self.picture())

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, coloured by state."""
        return as_mermaid(self.picture())

    def to_dot(self) -> str:
        """Return a graph for Graphviz, coloured by state."""
        return as_dot(self.picture())

    def to_svg(self, *, collapse: bool | None = None) -> str:
        """Return a standalone drawing. See ``DAG.to_svg``. Raises DAGError if it is too large."""
        from ..drawing.svg import as_svg

        return as_svg(self.picture(), collapse)

    def _repr_html_(self) -> str:
        from ..drawing.notebook import dag_html, safe_html

        return f"<p>{safe_html(_line(self))}</p>\n{dag_html(self.picture())}"


def _line(status: RunStatus) -> str:
    """Return the state of a run in one line."""
    counts = [f"{number:,} {state.replace('_', ' ')}" for state, number in status.counts.items()]
    state = "stopping" if status.stopping else status.state.value
    length = "" if status.duration is None else f" after {duration_text(status.duration)}"
    tasks = counted(status.total, "task")
    summary = f"Run {status.run_id} of DAG {status.dag_name}: {state}{length}; {tasks}"
    return f"{summary}: {', '.join(counts)}. {status.waiting_for}".rstrip()
