"""Direct calls: a task without a DAG evaluates its condition and calls its function with retries.

This is what ``my_task(1)`` does in tests, in the REPL and inside other tasks. It waits between
attempts in the caller's thread or coroutine; only direct calls sleep in flowkit. asyncio is
imported when an async task is called, since ``import flowkit`` would take twice as long with it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from ..core.retry import delay_before_retry
from ..exceptions import TaskTimeout
from .call_plan import may_retry, own_arguments, plan_for
from .task_like import TaskLike


def call_here(task: TaskLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call ``task``. An async task returns a coroutine. See ``Task.__call__``."""
    if task.is_async:
        return _call_async(task, args, kwargs)
    if not _condition_holds(task, args, kwargs):
        return None
    keywords = {**task.kwargs, **kwargs}
    failures = 0
    while True:
        try:
            given, named = own_arguments(task, args, keywords)
            return task.func(*given, **named)
        except Exception as error:
            failures += 1
            delay = _delay_after(task, error, failures)
            if delay is None:
                raise
        time.sleep(delay)


async def _call_async(task: TaskLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    import asyncio

    if not _condition_holds(task, args, kwargs):
        return None
    keywords = {**task.kwargs, **kwargs}
    failures = 0
    while True:
        try:
            given, named = own_arguments(task, args, keywords)
            return await _await_once(task, task.func(*given, **named))
        except Exception as error:
            failures += 1
            delay = _delay_after(task, error, failures)
            if delay is None:
                raise
        await asyncio.sleep(delay)


async def _await_once(task: TaskLike, coroutine: Coroutine[Any, Any, Any]) -> Any:
    import asyncio

    limit = asyncio.timeout(task.timeout)
    try:
        async with limit:
            result = await coroutine
    except Exception as error:
        if task.timeout is not None and limit.expired():
            cause = None if isinstance(error, TimeoutError) else error
            raise TaskTimeout(task.name, task.timeout) from cause
        raise
    if task.timeout is not None and limit.expired():  # it caught its cancellation and returned
        raise TaskTimeout(task.name, task.timeout)
    return result


def _condition_holds(task: TaskLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    plan = plan_for(task)
    return plan.should_run(plan.given(args, kwargs))


def _delay_after(task: TaskLike, error: Exception, failures: int) -> float | None:
    if not may_retry(task, error):
        return None
    jitter = random.random()  # noqa: S311 - spreads retries, guards nothing
    return delay_before_retry(task.policy, failures, jitter)
