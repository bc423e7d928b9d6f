"""Cached results, as a lane uses them: looked up before the call, kept together with the outcome.

Only tasks with a ``cache_ttl`` come here, and cost one round trip each. What is to be kept travels
in the outcome's own token, so that a result is stored once, in the step that records it, and never
for an attempt that does not count. A cache that cannot be used never fails a task: that is said
once for each task of a run, as a warning, and the task runs.

A task that had attempts before its run was resumed is made again: its entry is not read, but
written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..context import enter_attempt, leave_attempt
from ..exceptions import RedisUnavailable
from ..log_output import plain
from ..log_streams import HELD, end_lines
from ..logging import FlowkitLogger, LogLevel
from ..protocol.records import Spent
from ..protocol.worker_store import Claim
from ..result_cache import NotCacheable, entry_of
from ..task import Task
from .values import Values

_WARNINGS_KEPT = 1000


class Found(NamedTuple):
    """What is known before a call. ``packed``: the result of an earlier one, None if there is none.

    ``keep``: what the token of a success adds, so that the result is kept; "" if it cannot be.
    """

    packed: bytes | None
    keep: str


class ResultCache:
    """The cache as one lane uses it."""

    def __init__(self, values: Values, logger: FlowkitLogger, lane: str) -> None:
        self._values = values
        self._log = logger
        self._lane = lane
        self._warned: set[tuple[str, int]] = set()

    def find(
        self,
        claim: Claim,
        name: str,
        task: Task,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        params: Mapping[str, object],
    ) -> Found:
        """Look for the result of an earlier call like this one. Raises RedisUnavailable only."""
        token = enter_attempt(claim.run, name, claim.attempt, params)
        try:
            entry = entry_of(task, args, kwargs)
        except NotCacheable as reason:
            self._warn(claim, name, str(reason))
            return Found(None, "")
        finally:
            if HELD:  # a cache_key of the user's may print
                end_lines()
            leave_attempt(token)
        keep = f",{entry},{math.ceil((task.cache_ttl or 0.0) * 1000)}"
        if Spent.parse(claim.spent).base:
            return Found(None, keep)
        try:
            return Found(self._values.cached(entry), keep)
        except RedisUnavailable:
            raise
        except Exception as error:  # another class by now, or not what was written
            self._warn(claim, name, f"its entry cannot be read: {plain(error)}")
            return Found(None, keep)

    def _warn(self, claim: Claim, name: str, reason: str) -> None:
        key = claim.run, claim.task
        if key in self._warned:
            return
        if len(self._warned) >= _WARNINGS_KEPT:
            self._warned.clear()
        self._warned.add(key)
        self._log.event(
            LogLevel.WARNING,
            "task_uncached",
            f"Task not cached: {name}: {reason}",
            task_name=name,
            run_id=claim.run,
            attempt=claim.attempt,
            worker=self._lane,
        )
