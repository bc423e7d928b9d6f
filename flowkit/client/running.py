"""The running tasks of a run, for a view that is refreshed again and again.

A look reads what workers have claimed, and the records of the tasks that are to be shown, never all
records: the cost depends on the workers, not on the run. The lanes of the workers are read every
``LANES_S`` seconds. If looks take long, because there are thousands of lanes, they become rarer, so
that a view takes at most a twentieth of a core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.run_record import RunRecord
from ..core.states import TaskState
from ..core.task_progress import TaskProgress
from .run_handle import RunHandle

MOST_SHOWN = 200
LOOK_S, LANES_S = 0.4, 2.0
SHARE = 20  # a pause is at least this many times as long as the look before it


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A running task. ``elapsed``: seconds since its attempt began, at the time of the look."""

    name: str
    attempt: int
    worker: str
    elapsed: float
    progress: TaskProgress | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """What was running at one look: those that run longest, first.

    ``total``: how many there are; ``tasks`` has at most 200 of them, and ``others`` are the names
    of more. ``is_whole``: whether all workers were looked at. ``at``: the time of the look, in
    monotonic seconds. ``elapsed``: seconds since the run was submitted, at that time.
    """

    tasks: tuple[RunningTask, ...] = ()
    total: int = 0
    is_whole: bool = True
    at: float = 0.0
    elapsed: float = 0.0
    others: tuple[str, ...] = ()


class RunningTasks:
    """Looks at one run, again and again."""

    def __init__(
        self, handle: RunHandle, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._handle = handle
        self._monotonic = monotonic
        self._lanes: list[str] = []
        self._is_whole = True
        self._lanes_at = -LANES_S
        self._next = 0.0
        self._last = Running()

    def look(self, record: RunRecord) -> Running:
        """Return what is running, or what was a moment ago if it is too early for another look.

        Raises RunLost if the graph of the run is gone, RunDamaged, RedisUnavailable.
        """
        began = self._monotonic()
        if began >= self._next:
            self._last = self._look(record, began)
            took = self._monotonic() - began
            self._next = began + max(LOOK_S, SHARE * took)
        return self._last

    def _look(self, record: RunRecord, now: float) -> Running:
        dag = self._handle.graph(record)
        with self._handle.shard.run_store(record.run) as store:
            if now - self._lanes_at >= LANES_S:
                self._lanes, self._is_whole = store.read_lanes()
                self._lanes_at = now
            claimed = sorted(filter(dag.is_valid, store.read_claimed(record.run, self._lanes)))
            shown = claimed[:MOST_SHOWN]
            records = dict(zip(shown, store.read_records(record.run, shown), strict=True))
            progress = store.read_task_progress(record.run, records)
            since_ms = store.redis_now_ms() - record.submitted_ms
        tasks = [
            RunningTask(
                dag.task_name(task),
                item.attempt,
                item.lane,
                max(0.0, (since_ms - (item.started_ms or since_ms)) / 1000),
                progress.get(task),
            )
            for task, item in records.items()
            if item.state is TaskState.RUNNING
        ]
        over = len(shown) - len(tasks)  # they have ended between the two reads
        tasks.sort(key=lambda task: -task.elapsed)  # stable: else in the order of the DAG
        total = len(claimed) - over
        others = tuple(map(dag.task_name, claimed[MOST_SHOWN:]))
        return Running(tuple(tasks), total, self._is_whole, now, since_ms / 1000, others)
