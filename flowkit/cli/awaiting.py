"""Wait for a run and report its progress. The wait ends with the run, a timeout or a signal.

A run without progress may need help, such as a worker that has its tasks.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from ..client.run_handle import RunHandle
from ..client.stall_notice import StallNotice
from ..core.run_record import RunRecord
from ..core.states import RUN_OVER
from ..exceptions import RedisUnavailable, RunLost, RunNotFound, WaitTimeout

LOOK_S = 0.5
STALLED_S = 2.0


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
    stall = None
    if report is not None:
        stall = StallNotice(handle, lambda event: report(event.message()), STALLED_S)
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
                stall.look(record.counts, record.total)
            left = LOOK_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise WaitTimeout(handle.run_id, _why(handle, timeout or 0.0))
            feed.next(min(left, LOOK_S))


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
        waiting, _ = handle._leading_cause()
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
