"""Retry arithmetic: how long to wait before the next attempt, or that there is none.

Exponential backoff with proportional jitter: ``delay * backoff ** (failures - 1)``, capped at
``max_delay``, plus up to a tenth of it at random, so that tasks that failed together do not come
back together. The random number is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from .triggers import Trigger

JITTER = 0.1
# Longer waits than this are a mistake, and would overflow what a sorted set holds exactly.
MAX_DELAY_S = 10 * 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How the attempts of a task are made. Times are in seconds.

    ``retries``: further attempts after the first one. ``max_delay``: None for no cap.
    ``timeout``: hard limit of one attempt, None for none. ``priority``: 0 (last) to 9 (first).
    ``is_async``: the function is a coroutine function, so it runs in the worker's async lane.
    ``trigger``: what its upstream tasks must have come to. ``at_most_once``: it must never start
    twice in a run, so whatever may have started and has no outcome has failed.
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


def delay_before_retry(policy: Policy, failures: int, random_unit: float) -> float | None:
    """Return the seconds to wait before the next attempt, or None to give up.

    ``failures``: attempts that have failed so far, this one included (1 after the first).
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
