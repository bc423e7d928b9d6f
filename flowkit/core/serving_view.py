"""Which live workers could take a task, and what is before it in its queue.

Tasks with the same policy and function have the same answer, so each is computed once for a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .snapshot import LaneView, LiveWorker, Snapshot

SUSPECTS = "!"  # the level of suspects, which comes before all priorities


@dataclass(frozen=True)
class Serving:
    """Who can take the attempts of one policy and function. ``suspect``: they run alone.

    ``serving``: live workers of the queue; ``able``: those of them that have the function.
    """

    snapshot: Snapshot
    policy: int
    ref: int
    suspect: bool

    @cached_property
    def queue(self) -> str:
        """The queue of the tasks."""
        return self.snapshot.dag.policies[self.policy].queue

    @cached_property
    def is_async(self) -> bool:
        """Whether the lanes for async functions claim them."""
        return self.snapshot.dag.policies[self.policy].is_async

    @cached_property
    def serving(self) -> list[LiveWorker]:
        """The live workers of the queue."""
        return [item for item in self.snapshot.workers if self.queue in item.info.queues]

    @cached_property
    def able(self) -> list[LiveWorker]:
        """Those of them that have the function, or may have it."""
        pinned = self.snapshot.dag.pinned
        # Workers of a release without turns never claim attempts of a pinned run.
        return [
            item
            for item in self.serving
            if (item.info.turns or not pinned) and any(map(self._may_have, item.info.apps))
        ]

    def _may_have(self, app: str) -> bool:
        return not app or self.snapshot.has.get((app, self.ref), True)

    @cached_property
    def lanes(self) -> list[tuple[LiveWorker, LaneView]] | None:
        """The lanes of able workers that claim such tasks, None if some were not read."""
        claiming = []
        for item in self.able:
            if item.lanes is None:
                return None
            mine = [lane for lane in item.lanes if lane.name.endswith("a") is self.is_async]
            claiming += [(item, lane) for lane in mine]
        return claiming

    @cached_property
    def all_busy(self) -> bool:
        """Whether each of these lanes holds as much as it can execute at a time."""
        if not self.lanes:
            return False
        return all(lane.held >= self._room(item) for item, lane in self.lanes)

    def _room(self, worker: LiveWorker) -> int:
        return max(1, worker.info.concurrency) if self.is_async else 1

    @cached_property
    def waiting(self) -> int | None:
        """How many attempts wait where these do, at their level or before; None if unknown."""
        if self.snapshot.depths is None:
            return None
        return sum(
            depth.depth
            for depth in self.snapshot.depths
            if (depth.queue, depth.is_async) == (self.queue, self.is_async)
            and depth.function in (None, self.ref)
            and self._is_before(depth.level)
        )

    def _is_before(self, level: str) -> bool:
        if level == SUSPECTS or self.suspect:
            return level == SUSPECTS
        return level >= str(self.snapshot.dag.policies[self.policy].priority)
