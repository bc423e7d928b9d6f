"""What ``@task`` can be told, checked when it is told.

A wrong option is found at the decorator, not in the run a week later: each one has its own check,
and its error names the task, the option, the value and what is allowed. ``Options`` is what is
left after the checks; bound tasks share it.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypedDict

from .core.retry import MAX_DELAY_S, Policy
from .core.triggers import FOR_USERS, Trigger

Predicate = Callable[..., object]
CacheKey = Callable[..., object]
TriggerName = Literal["none_failed", "all_succeeded", "any_succeeded", "all_over"]
RetryOn = type[Exception] | tuple[type[Exception], ...]

MAX_NAME = 200
QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class TaskOptions(TypedDict, total=False):
    """The keyword options of ``@task`` and ``Task``. Times are in seconds.

    ``retries``: further attempts after the first. ``delay``: wait before the first of them,
    ``backoff``: its factor from one to the next, ``max_delay``: its limit. ``retry_on``: the
    exceptions that are worth another attempt. ``when``: a predicate on the upstream results; the
    task is skipped if it says no. ``trigger``: what the upstream tasks must have come to:
    "none_failed" (the default), "all_succeeded", "any_succeeded" or "all_over". ``on_failure``: a
    hook that is called with a ``HookEvent`` when the task has failed for good. ``timeout``: limit
    of one attempt. ``queue``: the workers of which queue take it. ``priority``: 0 (last) to 9
    (first). ``name``: instead of the function's. ``cache_ttl``: how long a result is reused for
    calls of the same function, code and arguments, None for not at all. ``cache_key``: a function
    of the task's arguments whose result stands for them there. ``at_most_once``: never start it
    twice in a run; when its process dies, it has failed. Not together with retries.
    """

    retries: int
    delay: float
    backoff: float
    max_delay: float | None
    retry_on: RetryOn
    when: Predicate | None
    trigger: TriggerName
    on_failure: Callable[..., object] | None
    timeout: float | None
    queue: str
    priority: int
    name: str | None
    cache_ttl: float | None
    cache_key: CacheKey | None
    at_most_once: bool


KNOWN_OPTIONS = tuple(TaskOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options: the policy, and what only the process that calls the function needs."""

    policy: Policy
    when: Predicate | None
    retry_on: tuple[type[Exception], ...]
    cache_ttl: float | None = None
    cache_key: CacheKey | None = None
    on_failure: Callable[..., object] | None = None


def make_options(task: str, given: TaskOptions, *, is_async: bool = False) -> Options:
    """Check ``given`` for the task of that name; raise TypeError or ValueError that names both."""
    for option in given:
        if option not in KNOWN_OPTIONS:
            raise TypeError(f"Task {task!r}: {unknown_name('option', option, KNOWN_OPTIONS)}")
    number = partial(_number, task)
    timeout, max_delay = given.get("timeout"), given.get("max_delay")
    policy = Policy(
        retries=_whole(task, "retries", given.get("retries", 0), (0, 1_000_000)),
        delay=number("delay", given.get("delay", 1.0)),
        backoff=number("backoff", given.get("backoff", 2.0), above_zero=True),
        max_delay=None if max_delay is None else number("max_delay", max_delay),
        timeout=None if timeout is None else number("timeout", timeout, above_zero=True),
        queue=_queue(task, given.get("queue", "default")),
        priority=_whole(task, "priority", given.get("priority", 5), (0, 9)),
        is_async=is_async,
        trigger=_trigger(task, given.get("trigger", Trigger.NONE_FAILED)),
        at_most_once=_at_most_once(task, given),
    )
    when = _predicate(task, given.get("when"))
    retry_on = _exceptions(task, given.get("retry_on", Exception))
    return Options(policy, when, retry_on, *_cache(task, given), given.get("on_failure"))


def check_name(what: str, name: object) -> str:
    """Return ``name`` if it can be the name of a task or DAG (``what``), else raise."""
    if not isinstance(name, str):
        raise TypeError(f"The name of a {what} must be a string, not {name!r}.")
    if not name or len(name) > MAX_NAME or not _PRINTABLE.fullmatch(name):
        raise ValueError(
            f"{name[:MAX_NAME]!r} cannot be the name of a {what}: it must have 1 to {MAX_NAME} "
            "characters, none of them a control character or line break."
        )
    return name


def unknown_name(what: str, name: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the sentence for an unknown name: what there is, and what may have been meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
    there_is = f"There is: {shown}." if known else "There is none."
    return f"unknown {what} {name!r}.{hint} {there_is}"


def _whole(task: str, option: str, value: object, allowed: tuple[int, int]) -> int:
    low, high = allowed
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"Task {task!r}: {option} must be a whole number, not {value!r}.")
    if not low <= value <= high:
        raise ValueError(f"Task {task!r}: {option} must be {low} to {high}, not {value}.")
    return value


def _number(task: str, option: str, value: object, *, above_zero: bool = False) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"Task {task!r}: {option} must be a number, not {value!r}.")
    least = "above 0" if above_zero else "0 or more"
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        raise ValueError(f"Task {task!r}: {option} must be {least} and finite, not {value!r}.")
    if value > MAX_DELAY_S:
        raise ValueError(f"Task {task!r}: {option} must be {MAX_DELAY_S:g} at most, not {value!r}.")
    return float(value)


def _queue(task: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Task {task!r}: queue must be a string, not {value!r}.")
    if not QUEUE.fullmatch(value):
        raise ValueError(
            f"Task {task!r}: queue must be 1 to 64 letters, digits, '_', '.' or '-', not {value!r}."
        )
    return value


def _predicate(task: str, value: Predicate | None) -> Predicate | None:
    if value is not None and not callable(value):
        raise TypeError(
            f"Task {task!r}: when must be a function of the upstream results, not {value!r}."
        )
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"Task {task!r}: when must be an ordinary function, not an async one.")
    return value


def _at_most_once(task: str, given: TaskOptions) -> bool:
    value, retries = given.get("at_most_once", False), given.get("retries", 0)
    if not isinstance(value, bool):
        raise TypeError(f"Task {task!r}: at_most_once must be True or False, not {value!r}.")
    if value and retries:
        raise ValueError(
            f"Task {task!r}: at_most_once=True and retries={retries!r} contradict each other: a "
            "retry starts the task again. Give one of them."
        )
    return value


def _trigger(task: str, value: object) -> Trigger:
    if not isinstance(value, str) or value not in FOR_USERS:
        known = ", ".join(repr(trigger.value) for trigger in FOR_USERS)
        kind = TypeError if not isinstance(value, str) else ValueError
        raise kind(f"Task {task!r}: trigger must be one of {known}, not {value!r}.")
    return Trigger(value)


def _cache(task: str, given: TaskOptions) -> tuple[float | None, CacheKey | None]:
    ttl, key = given.get("cache_ttl"), given.get("cache_key")
    if key is not None and not callable(key):
        raise TypeError(
            f"Task {task!r}: cache_key must be a function of the task's arguments, not {key!r}."
        )
    if inspect.iscoroutinefunction(key):
        raise TypeError(f"Task {task!r}: cache_key must be an ordinary function, not an async one.")
    if ttl is None:
        if key is not None:
            raise ValueError(
                f"Task {task!r}: cache_key does nothing without cache_ttl, the seconds for which a "
                "result is reused. Give both, or neither."
            )
        return None, None
    return _number(task, "cache_ttl", ttl, above_zero=True), key


def _exceptions(task: str, value: object) -> tuple[type[Exception], ...]:
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(
                f"Task {task!r}: retry_on must be an exception class or a tuple of them "
                f"(subclasses of Exception), not {kind!r}."
            )
    return kinds
