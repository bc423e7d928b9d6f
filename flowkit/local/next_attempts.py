"""What a task waits for before its next attempt: a retry, or the time at which it comes again."""

from __future__ import annotations

from ..basics.again import Again
from ..core.retry import delay_before_retry
from .environment import Environment
from .hooks import LocalHooks
from .run_context import RunContext
from .timers import Timers


class NextAttempts:
    """Sets the timers of next attempts, and tells of them. Only the runner's thread uses it."""

    def __init__(
        self, context: RunContext, timers: Timers, environment: Environment, hooks: LocalHooks
    ) -> None:
        self._context, self._timers, self._hooks = context, timers, hooks
        self._jitter = environment.jitter

    def set(self, index: int, attempt: int, why: Again | BaseException) -> bool:
        """Set the timer of the attempt after this one; False if there is none.

        ``why``: what the function returned to come again, or the error of the attempt.
        """
        if isinstance(why, Again):
            return self._come_again(index, attempt, why)
        task = self._context.numbered.tasks[index]
        failures = self._context.comebacks.failures(index, attempt)
        delay = delay_before_retry(task.policy, failures, self._jitter(task, failures))
        if delay is None:
            return False
        self._timers.set_retry(delay, index, attempt + 1)
        self._context.events.retried(index, failures, delay, why)
        self._hooks.retried(index, failures, delay, why)
        return True

    def _come_again(self, index: int, attempt: int, again: Again) -> bool:
        times = self._context.comebacks.keep(index, attempt, again)
        self._timers.set_retry(again.delay, index, attempt + 1)
        self._context.events.comes_again(index, attempt, again.delay, times)
        return True
