"""Cached results of runs in this process: attempts look them up, and successful ones store them.

The entries are in the state store of the run, under ``cache/ENTRY``. Without a state store they
are in a store in memory that all runs of this process share. Rules:

1.  The cache helps or does nothing. Any problem with it (a full disk, an entry that cannot be
    rebuilt, an argument without a digest) is logged as one warning for each task of a run, and the
    task runs.
2.  Entries are text (base64 of the packed result), which every store can hold.
3.  The threads of attempts call ``find``; the thread of the runner calls ``keep``.
4.  A task that a resume names, or that depends on such a task, runs again: its entry is written,
    but not read. The same applies to a task that comes again, since it has begun its work.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..basics.display_text import error_text
from ..codec.packing import pack, unpack
from ..core.states import TaskState
from ..definition.task import Task
from ..execution.cache_key import NotCacheable, entry_of
from ..state.manager import StateManager
from ..state.store import StateStore, batch_of
from .numbered import Numbered
from .outcome import LocalOutcome
from .run_events import RunEvents
from .storage import CachedResult

_NO_LIMIT = 2**40
_HERE = StateManager()


def clear_cache() -> None:
    """Forget the cached results of this process; those in a state store stay."""
    _HERE.clear()


class LocalCache:
    """The cache of one run."""

    def __init__(
        self,
        state: StateStore | None,
        numbered: Numbered[Task],
        events: RunEvents,
        *,
        rerun: Collection[int] = (),
    ) -> None:
        """``state``: None for the store in memory. ``rerun``: the tasks that must run again."""
        self._state = _HERE if state is None else state
        self._tasks, self._names = numbered.tasks, numbered.names
        self._node = numbered.node
        self._events = events
        self._rerun = rerun
        self._entries: dict[int, str] = {}
        self._hits: set[int] = set()
        self._warned: set[int] = set()

    def find(
        self, index: int, args: Sequence[Any], kwargs: Mapping[str, Any], *, reads: bool = True
    ) -> CachedResult | None:
        """See CallCache."""
        if self._tasks[index].cache_ttl is None:
            return None
        self._entries.pop(index, None)  # an earlier attempt may have had another one
        try:
            entry = self._entries[index] = entry_of(self._tasks[index], args, kwargs)
        except NotCacheable as reason:
            self._warn(index, str(reason))
            return None
        if self._node(index) in self._rerun or not reads:
            return None
        try:
            data = self._state.get(_key(entry))
            if data is None:
                return None
            packed = base64.b64decode(data, validate=True)
            value = unpack(packed, max_bytes=max(len(packed), 1))
        except Exception as error:
            self._warn(index, f"its entry cannot be read: {error_text(error)}")
            return None
        self._hits.add(index)
        return CachedResult(value)

    def was_found(self, index: int) -> bool:
        """Return whether the result of the task with that number came from the cache."""
        return index in self._hits

    def keep(self, outcomes: Iterable[LocalOutcome]) -> None:
        """Store the results of tasks that have an entry, except those that came from the cache."""
        results = [
            outcome
            for outcome in outcomes
            if outcome.state is TaskState.SUCCEEDED
            and outcome.task in self._entries
            and outcome.task not in self._hits
        ]
        if not results:
            return
        try:
            with batch_of(self._state):
                for outcome in results:
                    self._keep(outcome)
        except Exception as error:  # of the whole batch: the disk may be full
            for outcome in results:
                self._warn_unkept(outcome.task, error)

    def _keep(self, outcome: LocalOutcome) -> None:
        index = outcome.task
        task = self._tasks[index]
        try:
            packed = pack(outcome.value, max_bytes=_NO_LIMIT)
            text = base64.b64encode(packed).decode("ascii")
            about = {"task": self._names[index], "function": task.ref}
            self._state.set(_key(self._entries[index]), text, ttl=task.cache_ttl, metadata=about)
        except Exception as error:
            self._warn_unkept(index, error)

    def _warn_unkept(self, index: int, error: Exception) -> None:
        self._warn(index, f"its result cannot be kept: {error_text(error)}")

    def _warn(self, index: int, reason: str) -> None:
        if index in self._warned:
            return
        self._warned.add(index)
        self._events.uncached(index, reason)


def _key(entry: str) -> str:
    return f"cache/{entry}"
