"""Checks of the options of a policy, for ``@task`` and for stored policies.

A stored policy is checked exactly as one in a user's code, so its users (retry arithmetic, queues,
timers) can rely on types and ranges. Each check returns the value to use, or raises TypeError or
ValueError with a message that begins with the name of the option.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial

from ..basics.durations import MAX_DELAY_S
from ..basics.shorten import shorten
from .retry import Policy
from .triggers import Trigger

QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MOST_RETRIES = 1_000_000
SHOWN = 200  # maximum characters of a wrong value that an error quotes


def whole_number(option: str, value: object, low: int, high: int) -> int:
    """Check a whole number from ``low`` to ``high``."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{option} must be a whole number, not {_shown(value)}.")
    if not low <= value <= high:
        raise ValueError(f"{option} must be {low} to {high}, not {_shown(value)}.")
    return value


def seconds(option: str, value: object, *, above_zero: bool = False) -> float:
    """Check a number that is finite, not negative, and at most MAX_DELAY_S."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{option} must be a number, not {_shown(value)}.")
    least = "above 0" if above_zero else "0 or more"
    if value > MAX_DELAY_S and value != math.inf:  # first: an int may be too large for a float
        raise ValueError(f"{option} must be {MAX_DELAY_S:g} at most, not {_shown(value)}.")
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        raise ValueError(f"{option} must be {least} and finite, not {_shown(value)}.")
    return float(value)


def queue_name(option: str, value: object) -> str:
    """Check the name of a queue."""
    if not isinstance(value, str):
        raise TypeError(f"{option} must be a string, not {_shown(value)}.")
    if not QUEUE.fullmatch(value):
        raise ValueError(
            f"{option} must be 1 to 64 letters, digits, '_', '.' or '-', not {_shown(value)}."
        )
    return value


def truth(option: str, value: object) -> bool:
    """Check a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {_shown(value)}.")
    return value


def _optional(check: Callable[[str, object], float], option: str, value: object) -> float | None:
    return None if value is None else check(option, value)


def _trigger(option: str, value: object) -> Trigger:
    if not isinstance(value, str) or value not in Trigger.__members__.values():
        raise ValueError(f"{option} must be a known trigger, not {_shown(value)}.")
    return Trigger(value)


_above_zero = partial(seconds, above_zero=True)
CHECKS: dict[str, Callable[[str, object], object]] = {
    "retries": partial(whole_number, low=0, high=MOST_RETRIES),
    "delay": seconds,
    "backoff": _above_zero,
    "max_delay": partial(_optional, seconds),
    "timeout": partial(_optional, _above_zero),
    "queue": queue_name,
    "priority": partial(whole_number, low=0, high=9),
    "is_async": truth,
    "trigger": _trigger,
    "at_most_once": truth,
    "keep_result": truth,
}


def checked_policy(given: dict[str, object]) -> Policy:
    """Check options and return the policy. Raises TypeError, ValueError."""
    values = {option: CHECKS[option](option, value) for option, value in given.items()}
    policy = Policy(**values)  # type: ignore[arg-type]
    if policy.at_most_once and policy.retries:
        raise ValueError(
            f"at_most_once=True and retries={policy.retries} contradict each other: a retry "
            "starts the task again. Give one of them."
        )
    if policy.at_most_once and not policy.keep_result:
        raise ValueError(
            "at_most_once=True and keep_result=False contradict each other: to make a dropped "
            "result again, a resume starts the task again. Give one of them."
        )
    return policy


def _shown(value: object) -> str:
    try:
        return shorten(repr(value), SHOWN)
    except ValueError:  # an int with more digits than Python formats
        return f"a value of type {type(value).__name__}"
