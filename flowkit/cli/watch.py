"""Waiting for a run while looking at it. A wait ends with the run, a timeout or a signal."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from ..core.states import RUN_OVER
from ..exceptions import RedisUnavailable, RunLost, RunNotFound, WaitTimeout
from ..protocol.run_records import RunRecord
from ..run_handle import RunHandle

LOOK_S = 0.5


def watch(handle: RunHandle, timeout: float | None, look: Callable[[RunRecord], None]) -> RunRecord:
    """Return the run's record when it is over; ``look`` sees each one on the way, and may raise.

    ``timeout`` in seconds. Raises WaitTimeout, RunNotFound, RunLost, RedisUnavailable.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    seen = handle._accepted  # what was accepted and is not there has been lost
    with handle.shard.feed(handle.run_id) as feed:
        while True:
            with handle.shard.until(deadline):
                record = _record(handle, seen=seen)
            seen = True
            look(record)
            if record.state in RUN_OVER:
                return record
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
        waiting = handle.status().waiting_for
    return f"{text} {waiting}" if waiting else text


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let TERM and HUP end the block as Ctrl-C does, so that what it started is ended as well."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
