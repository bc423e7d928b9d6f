"""What ``@task`` can be told, checked when it is told.

A wrong option is found at the decorator, not in the run a week later: each one has its own check,
and its error names the task, the option, the value and what is allowed. ``Options`` is what is
left after the checks; bound tasks share it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict

from .callables import is_async, is_generator
from .core.names import MAX_NAME, is_name
from .core.policy_check import CHECKS, checked_policy, seconds
from .core.retry import Policy
from .core.triggers import FOR_USERS, Trigger

Predicate = Callable[..., object]
CacheKey = Callable[..., object]
TriggerName = Literal["none_failed", "all_succeeded", "any_succeeded", "all_over"]
RetryOn = type[Exception] | tuple[type[Exception], ...]


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
    ``copy_arguments``: give each attempt in this process copies of its arguments, which it may
    change; attempts in other processes have their own in any case.
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
    copy_arguments: bool


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
    copy_arguments: bool = False


def make_options(task: str, given: TaskOptions, *, is_async: bool = False) -> Options:
    """Check ``given`` for the task of that name; raise TypeError or ValueError that names both."""
    for option in given:
        if option not in KNOWN_OPTIONS:
            raise TypeError(f"Task {task!r}: {unknown_name('option', option, KNOWN_OPTIONS)}")
    policy = _policy(task, given, is_async=is_async)
    when = _predicate(task, given.get("when"))
    retry_on = _exceptions(task, given.get("retry_on", Exception))
    copies = given.get("copy_arguments", False)
    if not isinstance(copies, bool):
        raise TypeError(f"Task {task!r}: copy_arguments must be True or False, not {copies!r}.")
    return Options(policy, when, retry_on, *_cache(task, given), given.get("on_failure"), copies)


def check_name(what: str, name: object) -> str:
    """Return ``name`` if it can be the name of a task or DAG (``what``), else raise."""
    if not isinstance(name, str):
        raise TypeError(f"The name of a {what} must be a string, not {name!r}.")
    if not is_name(name):
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


def _predicate(task: str, value: Predicate | None) -> Predicate | None:
    if value is not None and not callable(value):
        raise TypeError(
            f"Task {task!r}: when must be a function of the upstream results, not {value!r}."
        )
    _check_ordinary(task, "when", value)
    return value


def _check_ordinary(task: str, option: str, func: Callable[..., object] | None) -> None:
    """Refuse what answers with a coroutine or a generator, which is true whatever it would say."""
    if is_async(func):
        raise TypeError(f"Task {task!r}: {option} must be an ordinary function, not an async one.")
    if is_generator(func):
        raise TypeError(
            f"Task {task!r}: {option} must be an ordinary function, not a generator function. Use "
            "return instead of yield."
        )


def _policy(task: str, given: TaskOptions, *, is_async: bool) -> Policy:
    """Return the checked policy; its trigger is one of those that users can give."""
    chosen = {option: value for option, value in given.items() if option in CHECKS}
    chosen |= {"is_async": is_async}
    if "trigger" in chosen:
        chosen["trigger"] = _trigger(task, chosen["trigger"])
    with _of_task(task):
        return checked_policy(chosen)


@contextmanager
def _of_task(task: str) -> Iterator[None]:
    """Name the task in the error of an option."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"Task {task!r}: {error}") from None


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
    _check_ordinary(task, "cache_key", key)
    if ttl is None:
        if key is not None:
            raise ValueError(
                f"Task {task!r}: cache_key does nothing without cache_ttl, the seconds for which a "
                "result is reused. Give both, or neither."
            )
        return None, None
    with _of_task(task):
        return seconds("cache_ttl", ttl, above_zero=True), key


def _exceptions(task: str, value: object) -> tuple[type[Exception], ...]:
    kinds = value if isinstance(value, tuple) else (value,)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise TypeError(
                f"Task {task!r}: retry_on must be an exception class or a tuple of them "
                f"(subclasses of Exception), not {kind!r}."
            )
    return kinds
