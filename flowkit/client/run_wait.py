"""Waiting for the end of one run.

Waiting subscribes to the run's channel and reads the run's record after every message, and also
every ``LOOK_ANYWAY_S`` seconds, so a lost message only costs time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from ..context import waiting_for_run
from ..core.run_record import RunProgress
from ..core.states import RUN_OVER, RunState
from ..exceptions import RedisUnavailable, RunLost, RunNotFound, WaitTimeout
from ..protocol.feed import Feed

LOOK_ANYWAY_S = 1.0
OUTAGE_S, LOOK_AGAIN_S = 60.0, 0.2
NOT_OVER_YET_S = 0.0005  # no run ends sooner; even a one-task run takes at least twice as long
Progress = Callable[[Mapping[str, int], int], None]


class ProgressStore(Protocol):
    """What waiting needs from the store of a run's shard."""

    def read_progress(self, run: str) -> RunProgress:
        """Return the state of the run. Raises RunNotFound."""


class RunShard(Protocol):
    """What waiting needs from the shard of a run. See ShardConnection."""

    def until(self, deadline: float | None) -> AbstractContextManager[None]:
        """Let no call try to reach Redis after ``deadline``, in monotonic seconds."""

    def run_store(self, run_id: str) -> AbstractContextManager[ProgressStore]:
        """Lock the connection for calls about one run."""

    def feed(self, run_id: str) -> AbstractContextManager[Feed]:
        """Listen to one run."""


class RunWait:
    """Waits for one run.

    ``accepted_at``: when Redis accepted it, in monotonic seconds; None if that is not known.
    """

    def __init__(self, shard: RunShard, run_id: str, accepted_at: float | None) -> None:
        self._shard = shard
        self._run_id = run_id
        self._accepted_at = accepted_at

    def for_end(
        self, timeout: float | None, progress: Progress | None, why: Callable[[], str]
    ) -> RunState:
        """Wait until the run has ended and return its final state. See ``RunHandle.wait``.

        ``why``: returns what the run waits for; the error for a timeout contains it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        # A run that was accepted a moment ago has not ended, so first subscribe and then read its
        # record. For any other run, read first: if it has ended, there is no need to subscribe.
        accepted_at = self._accepted_at
        if accepted_at is None or time.monotonic() - accepted_at > NOT_OVER_YET_S:
            with suppress(RedisUnavailable), self._shard.until(deadline):  # the loop below retries
                state = self.progress().state
                if state in RUN_OVER:
                    return state
        with waiting_for_run(), self._shard.feed(self._run_id) as feed:
            answered = time.monotonic()
            while True:
                try:
                    with self._shard.until(deadline):
                        state, counts, total = self.progress(known=True)
                    answered = time.monotonic()
                except RedisUnavailable as error:
                    self._outlast(error, answered, deadline)
                    continue
                if progress is not None:
                    progress(counts, total)
                if state in RUN_OVER:
                    return state
                left = LOOK_ANYWAY_S if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise WaitTimeout(self._run_id, self._too_late(timeout or 0.0, why))
                feed.next(min(left, LOOK_ANYWAY_S))

    def progress(self, *, known: bool = False) -> RunProgress:
        """Return the state of the run. ``known``: if Redis no longer has the run, it is lost.

        Raises RunLost, RunNotFound, RedisUnavailable.
        """
        try:
            with self._shard.run_store(self._run_id) as store:
                return store.read_progress(self._run_id)
        except RunNotFound:
            if not known and self._accepted_at is None:
                raise
            raise run_lost(self._run_id) from None

    def _outlast(self, error: RedisUnavailable, answered: float, deadline: float | None) -> None:
        """Raise ``error`` if Redis has been unreachable for too long, or the time is over."""
        now = time.monotonic()
        if now - answered < OUTAGE_S and (deadline is None or now < deadline):
            time.sleep(LOOK_AGAIN_S)
            return
        raise continues_without(error, self._run_id)

    def _too_late(self, timeout: float, why: Callable[[], str]) -> str:
        waiting = ""
        with suppress(RedisUnavailable), self._shard.until(time.monotonic()):
            waiting = why()
        return too_late(self._run_id, timeout, waiting)


def run_lost(run_id: str) -> RunLost:
    """Return the error for a run that Redis had and no longer has."""
    return RunLost(
        run_id,
        f"run {run_id!r} was accepted and is no longer in Redis: its data was lost or deleted, or "
        "it ended and its TTL has expired. Submit it again, and check the persistence of the "
        "server",
    )


def continues_without(error: RedisUnavailable, run_id: str) -> RedisUnavailable:
    """Return the error for a wait during which Redis could not be reached for too long."""
    unavailable = RedisUnavailable(str(error))
    unavailable.__cause__ = error
    unavailable.add_note(f"Run {run_id} continues as long as its workers reach Redis.")
    return unavailable


def too_late(run_id: str, timeout: float, waiting: str) -> str:
    """Return the text for a wait that timed out. ``waiting``: what the run waits for, or ""."""
    text = f"run {run_id!r} had not ended after {timeout:g} s; it continues"
    return f"{text}. {waiting}" if waiting else text
