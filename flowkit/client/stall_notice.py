"""Report once why a run makes no progress, if the user can fix that.

The reason is looked up after a pause without progress, and then at growing intervals, because that
reads the records of all tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from ..core.states import TASK_OVER
from ..events.runs import RunStalled
from ..events.warn_once import warn_once
from ..exceptions import FlowkitError
from .run_handle import RunHandle

MOST_TASKS = 100_000  # of larger runs, the records take longer to read than an answer may take


class StallNotice:
    """Watches the counts of a run, and reports why it makes no progress."""

    def __init__(
        self, handle: RunHandle, report: Callable[[RunStalled], None], pause: float
    ) -> None:
        """``report`` is called at most once. ``pause``: seconds until then."""
        self._handle = handle
        self._report = report
        self._done = 0
        self._since = time.monotonic()
        self._first_pause = self._pause = pause
        self._has_reported = False

    def look(self, counts: Mapping[str, int], total: int) -> None:
        """Note the progress of the run. After a pause without any, look up the reason."""
        now, done = time.monotonic(), done_of(counts)
        if done != self._done:
            self._done, self._since, self._pause = done, now, self._first_pause
            return
        if self._has_reported or total > MOST_TASKS or now - self._since < self._pause:
            return
        self._since, self._pause = now, self._pause * 2
        waiting, needs_help = self._handle._leading_cause()
        if needs_help:
            self._has_reported = True
            self._report(RunStalled(run_id=self._handle.run_id, reason=waiting))


def stall_warning(handle: RunHandle, pause: float) -> Callable[[Mapping[str, int], int], None]:
    """Return a ``progress`` for ``RunHandle.wait`` that logs why the run makes no progress."""

    def report(event: RunStalled) -> None:
        warn_once(event, event.run_id)

    notice = StallNotice(handle, report, pause)

    def look(counts: Mapping[str, int], total: int) -> None:
        # The wait itself outlasts an outage, or reports it.
        with suppress(FlowkitError), handle.shard.until(time.monotonic()):
            notice.look(counts, total)

    return look


def done_of(counts: Mapping[str, int]) -> int:
    """Return how many tasks are over."""
    return sum(counts.get(state.value, 0) for state in TASK_OVER)
