"""Cached results of a lane: looked up before the call, stored together with the outcome.

Only tasks with a ``cache_ttl`` use it, for one round trip each. The outcome names the
cache entry, so the script that records the result also stores the entry, and an attempt that does
not count stores nothing. A cache that cannot be used never fails a task: the lane logs one warning
for each task of a run, and the task runs.

A task that had attempts before its run was resumed runs again: its entry is written, but not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flowkit.context import enter_attempt, leave_attempt
from flowkit.definition.task import Task
from flowkit.events.event import Listener
from flowkit.events.tasks import TaskUncached
from flowkit.exceptions import RedisUnavailable
from flowkit.execution.cache_key import NotCacheable, entry_of
from flowkit.logging.output import plain
from flowkit.logging.streams import PRINTED, end_lines
from flowkit.protocol.outcomes import CacheEntry
from flowkit.protocol.worker_store import Claim

from .inputs import Inputs

_WARNINGS_KEPT = 1000


class Lookup(NamedTuple):
    """The answer of the cache. ``packed``: the result of an earlier call, None if there is none.

    ``entry``: where a success stores its result; None if it cannot be cached.
    """

    packed: bytes | None
    entry: CacheEntry | None


class ResultCache:
    """The cache of one lane."""

    def __init__(self, inputs: Inputs, listener: Listener, lane: str) -> None:
        self._inputs = inputs
        self._listener = listener
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
    ) -> Lookup:
        """Look for the result of an earlier equal call. Raises RedisUnavailable only."""
        token = enter_attempt(claim.run, name, claim.attempt, params, "", claim.task, self._lane)
        try:
            digest = entry_of(task, args, kwargs)
        except NotCacheable as reason:
            self._warn(claim, name, str(reason))
            return Lookup(None, None)
        finally:
            if PRINTED:  # the user's cache_key may print
                end_lines()
            leave_attempt(token)
        entry = CacheEntry(digest, math.ceil((task.cache_ttl or 0.0) * 1000))
        if claim.spent.base:
            return Lookup(None, entry)
        try:
            return Lookup(self._inputs.cached(entry.name), entry)
        except RedisUnavailable:
            raise
        except Exception as error:  # its class has changed, or the entry is damaged
            self._warn(claim, name, f"its entry cannot be read: {plain(error)}")
            return Lookup(None, entry)

    def _warn(self, claim: Claim, name: str, reason: str) -> None:
        key = claim.run, claim.task
        if key in self._warned:
            return
        if len(self._warned) >= _WARNINGS_KEPT:
            self._warned.clear()
        self._warned.add(key)
        self._listener.hear(
            TaskUncached(
                task_name=name,
                run_id=claim.run,
                attempt=claim.attempt,
                worker=self._lane,
                reason=reason,
            )
        )
