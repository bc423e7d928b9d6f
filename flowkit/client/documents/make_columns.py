"""Makes the columns of a run of its status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...basics.shorten import shorten
from ...core.states import TaskState
from ..status import RunStatus, shown_state
from .columns import RunColumns

LETTERS: Mapping[TaskState, str] = {
    TaskState.PENDING: "p",
    TaskState.QUEUED: "q",
    TaskState.RUNNING: "r",
    TaskState.WAITING: "w",
    TaskState.SUCCEEDED: "s",
    TaskState.FAILED: "f",
    TaskState.SKIPPED: "k",
    TaskState.UPSTREAM_FAILED: "u",
    TaskState.CANCELLED: "c",
}
MOST_ERRORS, ERROR_LENGTH = 1_000, 200


def columns_document(status: RunStatus, workers: Sequence[str] = ()) -> RunColumns:
    """Return the tasks of a run as columns.

    ``workers``: those that an earlier document has. They keep their positions.
    """
    tasks, begun = status.tasks, status.submitted
    new = {task.worker for task in tasks}.difference(workers, {""})
    lanes = {name: at for at, name in enumerate([*workers, *sorted(new)])}
    failed = [(at, task.error) for at, task in enumerate(tasks) if task.error]
    graph = status.graph
    return RunColumns(
        run_id=status.run_id,
        names=[task.name for task in tasks],
        states="".join(LETTERS[shown_state(task)] for task in tasks),
        attempts=[task.attempt for task in tasks],
        queued=[_ms(task.queued, begun) for task in tasks],
        waited=[_ms(task.started, task.queued) for task in tasks],
        took=[_ms(task.duration, 0) for task in tasks],
        workers=list(lanes),
        lanes=[lanes.get(task.worker, -1) for task in tasks],
        cached=[at for at, task in enumerate(tasks) if task.cached],
        errors={str(at): shorten(error, ERROR_LENGTH) for at, error in failed[:MOST_ERRORS]},
        progress={str(at): str(task.progress) for at, task in enumerate(tasks) if task.progress},
        items={str(at): dict(t.items) for at, t in enumerate(tasks) if t.items is not None},
        retried={str(at): t.retried_items for at, t in enumerate(tasks) if t.retried_items},
        edges=[] if graph is None else _flat(graph.data_edges()),
        order=[] if graph is None else _flat(graph.order_edges()),
    )


def _ms(time: float | None, since: float | None) -> int | None:
    return None if time is None or since is None else round((time - since) * 1000)


def _flat(edges: Iterable[tuple[int, int]]) -> list[int]:
    """Return edges as differences to the edge before, which compress to a tenth."""
    steps: list[int] = []
    upstream = downstream = 0
    for source, target in edges:
        steps += (source - upstream, target - downstream)
        upstream, downstream = source, target
    return steps
