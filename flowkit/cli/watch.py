"""Wait for a run and report its progress. The wait ends with the run, a timeout or a signal.

A run without progress may need help, such as a worker that has its tasks. The reason is looked up
after two seconds, and then at growing intervals, because that reads the records of all tasks.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from ..client.run_handle import RunHandle
from ..core.run_record import RunRecord
from ..core.states import RUN_OVER
from ..exceptions import RedisUnavailable, RunLost, RunNotFound, WaitTimeout
from .display import done_of

LOOK_S = 0.5
STALLED_S = 2.0
MOST_TASKS = 100_000  # of larger runs, the records take longer to read than an answer may take


def watch(
    handle: RunHandle,
    timeout: float | None,
    look: Callable[[RunRecord], None],
    report: Callable[[str], None] | None = None,
) -> RunRecord:
    """Wait for the end of a run and return its record.

    ``look`` is called with each record on the way, and may raise. ``timeout`` is in seconds.
    ``report`` is called at most once, with the reason why a run makes no progress.
    Raises WaitTimeout, RunNotFound, RunLost, RedisUnavailable.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    stall = None if report is None else StallNotice(handle, report)
    seen = handle.accepted  # an accepted run that is missing has been lost
    with handle.shard.feed(handle.run_id) as feed:
        while True:
            with handle.shard.until(deadline):
                record = _record(handle, seen=seen)
            seen = True
            look(record)
            if record.state in RUN_OVER:
                return record
            if stall is not None:
                stall.look(record)
            left = LOOK_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(handle.run_id, _why(handle, timeout or 0.0))
            feed.next(min(left, LOOK_S))


class StallNotice:
    """Reports once why a run makes no progress, if the user can fix that."""

    def __init__(self, handle: RunHandle, report: Callable[[str], None]) -> None:
        """``report`` is called with a sentence, at most once."""
        self._handle = handle
        self._report = report
        self._done = -1
        self._since = time.monotonic()
        self._pause = STALLED_S
        self._has_reported = False

    def look(self, record: RunRecord) -> None:
        """Note the progress of the run. After a pause without any, look up the reason."""
        now, done = time.monotonic(), done_of(record.counts)
        if done != self._done:
            self._done, self._since, self._pause = done, now, STALLED_S
            return
        if self._has_reported or record.total > MOST_TASKS or now - self._since < self._pause:
            return
        self._since, self._pause = now, self._pause * 2
        waiting = self._handle.status().waiting_for
        if waiting:
            self._has_reported = True
            self._report(f"Run {record.run} waits. {waiting}")


def _record(handle: RunHandle, *, seen: bool) -> RunRecord:
    try:
        return handle.record()
    except RunNotFound:
        if seen:
            raise RunLost(handle.run_id) from None
        raise


def _why(handle: RunHandle, timeout: float) -> str:
    text = f"Run {handle.run_id} was not over after {timeout:g} s."
    waiting = ""
    with suppress(RedisUnavailable), handle.shard.until(time.monotonic()):
        waiting = handle.status().waiting_for
    return f"{text} {waiting}" if waiting else text


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let TERM and HUP end the block as Ctrl-C does, so that its cleanup runs."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
