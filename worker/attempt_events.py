"""The events of one lane's attempts.

Most happen once per attempt, so the listener is asked for each kind once, not each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from flowkit.basics.shorten import shorten
from flowkit.core.retry import Policy
from flowkit.events.attempts import TaskHandedOn
from flowkit.events.event import Listener
from flowkit.events.tasks import (
    TaskAgain,
    TaskCached,
    TaskFailed,
    TaskRetried,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskUnlabelled,
)
from flowkit.logging.output import described
from flowkit.protocol.outcomes import Retry
from flowkit.protocol.records import ErrorInfo
from flowkit.protocol.worker_store import Claim

_FREQUENT = (TaskStarted, TaskSucceeded, TaskCached, TaskSkipped, TaskAgain)


class _About(TypedDict):
    """The fields of each event of an attempt."""

    task_name: str
    run_id: str
    attempt: int
    worker: str


class _Why(TypedDict):
    error_type: str
    error_message: str


class AttemptEvents:
    """Passes the events of a lane's attempts to its listener. ``name``: of the task, as shown."""

    def __init__(self, listener: Listener, lane: str) -> None:
        self.listener = listener
        self._wanted = frozenset(kind for kind in _FREQUENT if listener.wants(kind))
        self._lane = lane

    def started(self, claim: Claim, name: str) -> None:
        """The function is called next."""
        if TaskStarted in self._wanted:
            self.listener.hear(TaskStarted(**self._of(claim, name)))

    def succeeded(self, claim: Claim, name: str, seconds: float) -> None:
        """The function has returned a result that can be stored."""
        if TaskSucceeded in self._wanted:
            about = self._of(claim, name)
            self.listener.hear(TaskSucceeded(**about, duration=round(seconds, 6)))

    def cached(self, claim: Claim, name: str) -> None:
        """The result came from the cache."""
        if TaskCached in self._wanted:
            self.listener.hear(TaskCached(**self._of(claim, name)))

    def skipped(self, claim: Claim, name: str, why: Callable[[], str]) -> None:
        """The condition was false. ``why``: returns the reason; it is only asked if needed."""
        if TaskSkipped in self._wanted:
            self.listener.hear(TaskSkipped(**self._of(claim, name), reason=why()))

    def comes_again(self, claim: Claim, name: str, delay: float, times: int) -> None:
        """The function asked to be called again later. ``times``: how often it has, with this."""
        if TaskAgain in self._wanted:
            self.listener.hear(TaskAgain(**self._of(claim, name), delay=delay, times=times))

    def unlabelled(self, claim: Claim, name: str, error: BaseException) -> None:
        """The label of an item could not be made."""
        kind, message = described(error)
        self.listener.hear(
            TaskUnlabelled(**self._of(claim, name), error_type=kind, error_message=message)
        )

    def handed_on(self, claim: Claim, name: str, reason: str) -> None:
        """The app does not have the function."""
        self.listener.hear(TaskHandedOn(**self._of(claim, name), reason=reason))

    def failed(
        self, claim: Claim, name: str, policy: Policy, info: ErrorInfo, later: Retry | None
    ) -> None:
        """The attempt has failed. ``later``: its retry, None if the task has failed for good."""
        about = self._of(claim, name)
        why = _Why(error_type=info.type, error_message=shorten(info.message))
        if later is None:
            self.listener.hear(TaskFailed(**about, **why))
            return
        about["attempt"] = claim.spent.failures(claim.attempt)
        delay = later.delay_ms / 1000
        self.listener.hear(TaskRetried(**about, **why, max_retries=policy.retries, delay=delay))

    def _of(self, claim: Claim, name: str) -> _About:
        return _About(task_name=name, run_id=claim.run, attempt=claim.attempt, worker=self._lane)
