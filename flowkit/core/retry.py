"""Retry arithmetic: the delay before the next attempt, or that there is none.

Exponential backoff with proportional jitter: ``delay * backoff ** (failures - 1)``, capped at
``max_delay``, plus a random part of up to a tenth, so that tasks that failed together are not
retried together. The random number is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..basics.durations import MAX_DELAY_S
from .triggers import Trigger

JITTER = 0.1
# A task fails after so many deaths of a process that ran it, or expired leases of its workers.
MOST_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """How the attempts of a task run. Times are in seconds.

    ``retries``: attempts after the first one. ``max_delay``: None for no cap. ``timeout``: hard
    limit of one attempt, None for no limit. ``priority``: 0 (last) to 9 (first). ``is_async``: the
    function is a coroutine function, so it runs in the async lane of the worker. ``trigger``: how
    the upstream tasks must have ended. ``at_most_once``: the task never starts twice in a run, so
    an attempt that may have started and has no outcome has failed. ``keep_result``: whether the
    result is stored until the run's TTL is over; else until the tasks that take it are over.
    """

    retries: int = 0
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float | None = None
    timeout: float | None = None
    queue: str = "default"
    priority: int = 5
    is_async: bool = False
    trigger: Trigger = Trigger.NONE_FAILED
    at_most_once: bool = False
    keep_result: bool = True


def delay_before_retry(policy: Policy, failures: int, random_unit: float) -> float | None:
    """Return the seconds to wait before the next attempt, None if there is none.

    ``failures``: number of failed attempts, including this one (1 after the first).
    ``random_unit``: a random number in [0, 1) that sets the jitter.
    """
    if failures > policy.retries:
        return None
    cap = MAX_DELAY_S if policy.max_delay is None else min(policy.max_delay, MAX_DELAY_S)
    try:
        base = policy.delay * policy.backoff ** (failures - 1)
    except OverflowError:
        base = cap if policy.delay else 0.0
    base = min(base, cap)
    return base + base * JITTER * random_unit
