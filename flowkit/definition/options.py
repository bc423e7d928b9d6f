"""The options of ``@task``, checked at the decorator.

A wrong option is reported at the decorator, not in a run a week later. Each option has its check,
and the error names the task, the option, the value and what is allowed. ``Options`` holds the
checked options; bound tasks share it. ``TaskProperties`` shows them as attributes of the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypedDict

from ..basics.suggestions import unknown_name
from ..core.policy_check import CHECKS, checked_policy, seconds
from ..core.retry import Policy
from ..core.triggers import FOR_USERS, Trigger
from .callables import is_async, is_generator
from .foreign_words import OPTIONS

Predicate = Callable[..., object]
CacheKey = Callable[..., object]
TriggerName = Literal["none_failed", "all_succeeded", "any_succeeded", "all_over"]
RetryOn = type[Exception] | tuple[type[Exception], ...]


class TaskOptions(TypedDict, total=False):
    """The keyword options of ``@task`` and ``Task``. Times are in seconds.

    ``retries``: attempts after the first one. ``delay``: wait before the first retry; ``backoff``:
    the factor by which it grows with each retry; ``max_delay``: its limit. ``retry_on``: the
    exceptions that are retried. ``when``: a predicate on the upstream results; if it is false, the
    task is skipped. ``trigger``: how the upstream tasks must have ended: "none_failed" (the
    default), "all_succeeded", "any_succeeded" or "all_over". ``on_failure``: a hook that is called
    with a ``HookEvent`` when the task has failed for good. ``timeout``: the limit of one attempt.
    ``queue``: the queue whose workers run it. ``priority``: 0 (last) to 9 (first). Both have no
    effect in runs in this process, which ``max_workers`` limits. ``name``: used instead of the
    function's name. ``cache_ttl``: how long a result is reused for calls of the
    same function, code and arguments, None to never reuse it. ``cache_key``: a function of the
    task's arguments; its result replaces them in the cache. ``at_most_once``: never start the task
    twice in a run; it fails when its process dies, and cannot have retries. ``keep_result``: false
    to delete the result when all tasks that take it are over; a resume makes it again if it must.
    ``copy_arguments``:
    give each attempt in this process copies of its arguments, which it may change; attempts in
    other processes always have their own.
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
    keep_result: bool
    copy_arguments: bool


KNOWN_OPTIONS = tuple(TaskOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options: the policy, and options for the process that calls the function."""

    policy: Policy
    when: Predicate | None
    retry_on: tuple[type[Exception], ...]
    cache_ttl: float | None = None
    cache_key: CacheKey | None = None
    on_failure: Callable[..., object] | None = None
    copy_arguments: bool = False


class TaskProperties:
    """The part of ``Task`` that shows its options. See ``TaskOptions``."""

    name: str
    _options: Options
    _earlier_name: str | None = None  # see binding.py for this and the next two
    _is_numbered = False
    _is_listed = False
    _in_dag = False
    _is_mentioned = False  # by an edge to an empty list, outside of a block
    _place = 0

    @property
    def policy(self) -> Policy:
        """The rules for its attempts: retries, delays, timeout and queue."""
        return self._options.policy

    @property
    def when(self) -> Predicate | None:
        """The predicate on the upstream results, None to run always."""
        return self._options.when

    @property
    def retry_on(self) -> tuple[type[Exception], ...]:
        """The exceptions that are retried."""
        return self._options.retry_on

    @property
    def trigger(self) -> str:
        """How the upstream tasks must have ended: see ``TaskOptions``."""
        return self.policy.trigger.value

    @property
    def on_failure(self) -> Callable[..., object] | None:
        """The hook to call when the task has failed for good."""
        return self._options.on_failure

    @property
    def cache_ttl(self) -> float | None:
        """The seconds for which a result is reused, None to never reuse it."""
        return self._options.cache_ttl

    @property
    def cache_key(self) -> CacheKey | None:
        """The function whose result identifies a call, None to use the arguments themselves."""
        return self._options.cache_key

    @property
    def retries(self) -> int:
        """The number of attempts after the first one."""
        return self.policy.retries

    @property
    def delay(self) -> float:
        """Seconds before the first retry."""
        return self.policy.delay

    @property
    def backoff(self) -> float:
        """The factor by which the delay grows with each retry."""
        return self.policy.backoff

    @property
    def timeout(self) -> float | None:
        """The time limit of one attempt in seconds, None for no limit."""
        return self.policy.timeout

    @property
    def at_most_once(self) -> bool:
        """Whether the task is never started twice in a run."""
        return self.policy.at_most_once

    @property
    def copy_arguments(self) -> bool:
        """Whether each attempt in this process gets copies of its arguments."""
        return self._options.copy_arguments

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return self.policy.is_async


def make_options(task: str, given: TaskOptions, *, is_async: bool = False) -> Options:
    """Check the options of the task with that name. Raises TypeError or ValueError naming both."""
    for option in given:
        if option not in KNOWN_OPTIONS:
            problem = unknown_name("option", option, KNOWN_OPTIONS, OPTIONS.get(option))
            raise TypeError(f"Task {task!r}: {problem}")
    policy = _policy(task, given, is_async=is_async)
    when = _predicate(task, given.get("when"))
    retry_on = _exceptions(task, given.get("retry_on", Exception))
    copies = given.get("copy_arguments", False)
    if not isinstance(copies, bool):
        raise TypeError(f"Task {task!r}: copy_arguments must be True or False, not {copies!r}.")
    return Options(policy, when, retry_on, *_cache(task, given), given.get("on_failure"), copies)


def _predicate(task: str, value: Predicate | None) -> Predicate | None:
    if value is not None and not callable(value):
        raise TypeError(
            f"Task {task!r}: when must be a function of the upstream results, not {value!r}."
        )
    _check_ordinary(task, "when", value)
    return value


def _check_ordinary(task: str, option: str, func: Callable[..., object] | None) -> None:
    """Refuse a function that returns a coroutine or a generator, which would always be true."""
    if is_async(func):
        raise TypeError(f"Task {task!r}: {option} must be an ordinary function, not an async one.")
    if is_generator(func):
        raise TypeError(
            f"Task {task!r}: {option} must be an ordinary function, not a generator function. Use "
            "return instead of yield."
        )


def _policy(task: str, given: TaskOptions, *, is_async: bool) -> Policy:
    """Return the checked policy. Its trigger is one that users can choose."""
    chosen = {option: value for option, value in given.items() if option in CHECKS}
    chosen |= {"is_async": is_async}
    if "trigger" in chosen:
        chosen["trigger"] = _trigger(task, chosen["trigger"])
    with _of_task(task):
        return checked_policy(chosen)


@contextmanager
def _of_task(task: str) -> Iterator[None]:
    """Name the task in an option's error."""
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
