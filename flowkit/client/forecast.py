"""How much longer a run takes, for views that read it again and again.

The paces of earlier runs are read once, when the first estimate is asked for. There is no estimate
for a run that is over or stopping, takes longer than expected, or has done too little to judge.
Earlier runs that cannot be read are left out. A user who may not list runs gets an estimate from
the run's own pace alone.
"""

from __future__ import annotations

from ..clock import Clock, SystemClock
from ..core.estimate import Pace, seconds_left
from ..core.states import TASK_OVER
from ..exceptions import NotPermitted
from .earlier_runs import earlier_paces
from .run_handle import RunHandle
from .status import RunStatus

_OVER = frozenset(state.value for state in TASK_OVER)


class Forecast:
    """Estimates for one run."""

    def __init__(self, handle: RunHandle, clock: Clock | None = None) -> None:
        self._handle = handle
        self._clock = clock or SystemClock()
        self._paces: list[Pace] | None = None
        self._done, self._changed = 0, 0.0

    def seconds_left(self, status: RunStatus) -> float | None:
        """Return how many seconds the run will take from now on, None if nothing can be said.

        Raises RedisUnavailable.
        """
        if status.over or status.stopping:
            return None
        done = sum(count for state, count in status.counts.items() if state in _OVER)
        elapsed = max(0.0, self._clock.wall() - status.submitted)
        changed = min(elapsed, self._last_end(status, done, elapsed))
        return self.left(done, status.total, elapsed, changed)

    def left(self, done: int, total: int, elapsed: float, changed: float) -> float | None:
        """Return how many seconds the run will take from now on. See ``core.estimate``.

        Raises RedisUnavailable.
        """
        if self._paces is None:
            self._paces = self._read()
        return seconds_left(done, total, elapsed, changed, self._paces)

    def _read(self) -> list[Pace]:
        try:
            return earlier_paces(self._handle.shard, self._handle.record())
        except NotPermitted:  # a user who may not list runs
            return []

    def _last_end(self, status: RunStatus, done: int, elapsed: float) -> float:
        """Return when the last task has ended, in seconds after the submission.

        A status does not say it of items, so it is noticed when there are more of them.
        """
        if done != self._done:
            self._done, self._changed = done, elapsed
        if any(task.items for task in status.tasks):
            return self._changed
        ends = (
            task.started + task.duration - status.submitted
            for task in status.tasks
            if task.started is not None and task.duration is not None
        )
        return max(0.0, max(ends, default=0.0))
