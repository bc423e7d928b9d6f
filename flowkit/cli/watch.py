"""Waiting for a run while looking at it. A wait ends with the run, a timeout or a signal.

A run that makes no progress may wait for something that somebody should mend, such as a worker that
has its tasks. That is looked for after two seconds, and then ever more rarely: it reads the records
of all tasks.
"""

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
from .display import done_of

LOOK_S = 0.5
STALLED_S = 2.0
MOST_TASKS = 100_000  # to read the records of more takes longer than to wait for an answer


def watch(
    handle: RunHandle,
    timeout: float | None,
    look: Callable[[RunRecord], None],
    tell: Callable[[str], None] | None = None,
) -> RunRecord:
    """Return the run's record when it is over; ``look`` sees each one on the way, and may raise.

    ``timeout`` in seconds. ``tell``: is told once what a run that makes no progress waits for.
    Raises WaitTimeout, RunNotFound, RunLost, RedisUnavailable.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    stall = None if tell is None else StallNotice(handle, tell)
    seen = handle._accepted  # what was accepted and is not there has been lost
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
    """Tells once what a run waits for that makes no progress, if somebody should mend it."""

    def __init__(self, handle: RunHandle, tell: Callable[[str], None]) -> None:
        """``tell``: is called with a sentence, once at most."""
        self._handle = handle
        self._tell = tell
        self._done = -1
        self._since = time.monotonic()
        self._pause = STALLED_S
        self._is_told = False

    def look(self, record: RunRecord) -> None:
        """Note how the run stands; look for what it waits for if nothing has ended for a while."""
        now, done = time.monotonic(), done_of(record.counts)
        if done != self._done:
            self._done, self._since, self._pause = done, now, STALLED_S
            return
        if self._is_told or record.total > MOST_TASKS or now - self._since < self._pause:
            return
        self._since, self._pause = now, self._pause * 2
        waiting = self._handle.status().waiting_for
        if waiting:
            self._is_told = True
            self._tell(f"Run {record.run} waits. {waiting}")


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
