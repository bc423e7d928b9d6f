"""The serving duty: knows which live workers serve which queue, and what they can do.

The descriptions of workers change rarely, so only those of new workers are read. What it knows may
be half a second old. That costs time, never correctness: a worker claims only what it can run.
"""

from __future__ import annotations

from collections.abc import Callable

from flowkit.protocol.keys import queue_of, ready_list
from flowkit.protocol.scheduler_store import SchedulerStore
from flowkit.protocol.worker_info import WorkerInfo

EVERY_S = 0.5
# The most tasks of a DAG whose attempts wait for no turn. They are never more than one turn.
SMALL = 8


class Serving:
    """Which queues are served, and by whom."""

    name = "serving"

    def __init__(
        self, store: SchedulerStore, on_older: Callable[[], object] = lambda: None
    ) -> None:
        """``on_older`` is called when workers of an older release begin to serve a queue: they do
        not find attempts that wait for a turn.
        """
        self._store = store
        self._on_older = on_older
        self._workers: dict[str, WorkerInfo] = {}
        self.without_turns: frozenset[str] = frozenset()

    def due_early(self) -> bool:
        """Return False: it never runs before its time."""
        return False

    def run_once(self) -> float:
        """Look at the live workers; return the seconds until the next time."""
        before = self.without_turns
        self.look()
        if not self.without_turns <= before:
            self._on_older()
        return EVERY_S

    def look(self) -> None:
        """Read the descriptions of the workers that are new."""
        alive = self._store.live_workers()
        known = {worker: self._workers[worker] for worker in alive if worker in self._workers}
        new = [worker for worker in alive if worker not in known]
        self._workers = known | {info.worker: info for info in self._store.about_workers(new)}
        self.without_turns = frozenset(
            queue for info in self._workers.values() if not info.turns for queue in info.queues
        )

    def lists_without_turns(self) -> list[str]:
        """Return the ready lists from which workers of an older release claim."""
        return [
            ready_list(queue, is_async=is_async)
            for queue in sorted(self.without_turns)
            for is_async in (False, True)
        ]

    def verb(self, ready: str, tasks: int) -> str:
        """Return the command of ``apply.lua`` that queues tasks of a DAG with so many tasks."""
        if tasks <= SMALL or (self.without_turns and queue_of(ready) in self.without_turns):
            return "queue"
        return "line"
