"""State: named values that outlive a call or a run, and the features built on them.

    state = StateManager("state.json")
    state.set("cursor", 42, ttl=3600)
    dag.run(state=state)                  # records each result
    dag.run(state=state, resume=True)     # reuses them

``StateManager`` keeps values in memory or in a JSON file, ``RedisStateManager`` in Redis;
``TaskCache`` keeps the results of calls in either. ``TaskCache`` and ``dag.run`` also accept any
other store that has the methods of ``StateStore``.

Rules:
- ``None`` is a valid value and ``""`` a valid key. An expired entry does not exist, but takes up
  space until ``invalidate_expired`` removes it. A store that grows beyond a thousand entries
  removes expired ones automatically.
- The time is that of ``time.time()``, read through ``flowkit.clock``.
- With a file, each write is on disk when the call returns, and every read sees the writes of all
  other threads and processes (file.py). A value that cannot be stored is refused.
"""

from __future__ import annotations

# Part of the interface: tests set the time with patch("flowkit.state.time.time", …).
import time as time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any

from ..arguments import (
    check_key,
    check_lock_timeout,
    check_metadata,
    check_path,
    check_ttl,
    choose_ttl,
)
from ..clock import SYSTEM_CLOCK
from .entries import Entry, hold, store, write_entry
from .file import Draft, StateFile
from .writing import Writing

_TIDY_FROM = 1000
LOCK_TIMEOUT_S = 30.0


class StateManager:
    """Values by key, in memory or in the JSON file at ``storage_path``.

    ``default_ttl``: seconds after which an entry expires unless ``set`` has a ``ttl``, None for
    never. ``lock_timeout``: seconds to wait for another writer of the file before a StateError.
    ``set`` stores a copy and each ``get`` returns one. With a file, values must be supported by the
    typed codec. In memory, any object is copied with ``copy.deepcopy``, and an object that cannot
    be copied is stored itself. Threads may share a manager, and processes may share a file.
    """

    def __init__(
        self,
        storage_path: str | PathLike[str] | None = None,
        default_ttl: float | None = None,
        *,
        lock_timeout: float = LOCK_TIMEOUT_S,
    ) -> None:
        """Read the file if it exists; a corrupt one is renamed, with a warning.

        Raises TypeError or ValueError for an invalid argument; StateError for a file that has a
        newer format, cannot be read, or is owned or writable by another account.
        """
        self.storage_path = check_path(storage_path)
        self.default_ttl = check_ttl("default_ttl", default_ttl)
        timeout = check_lock_timeout(lock_timeout)
        self._file = None
        if self.storage_path is not None:
            self._file = StateFile(self.storage_path, timeout)
        self._memory: dict[str, Entry] = {}
        self._writing = Writing(self._file, self._memory, timeout)
        self._tidy_at = _TIDY_FROM
        self._entries()

    # -- writing -------------------------------------------------------------------------------

    def set(
        self,
        key: str,
        value: Any,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a value, replacing the previous one.

        ``ttl``: seconds, None for ``default_ttl``, ``math.inf`` for never; 0 or less expires at
        once. ``metadata``: additional fields for ``get_metadata``. Raises IllegalValue for a value
        that cannot be stored in a file, StateError if the file cannot be written.
        """
        key = check_key(key)
        entry = self._make(key, value, ttl, metadata)
        with self._writing.change() as draft:
            draft.entries[key] = entry
            draft.changed = True
            if len(draft.entries) > self._tidy_at:
                _drop_expired(draft)
                self._tidy_at = max(_TIDY_FROM, 2 * len(draft.entries))

    def delete(self, key: str) -> bool:
        """Remove an entry; return whether there was a live one."""
        key = check_key(key)
        with self._writing.change() as draft:
            entry = draft.entries.pop(key, None)
            draft.changed |= entry is not None
        return entry is not None and entry.is_live(SYSTEM_CLOCK.wall())

    def clear(self) -> None:
        """Remove all entries."""
        with self._writing.change() as draft:
            draft.changed |= bool(draft.entries)
            draft.entries.clear()

    def invalidate_expired(self) -> list[str]:
        """Remove expired entries, and return their keys."""
        with self._writing.change() as draft:
            return _drop_expired(draft)

    def batch(self) -> AbstractContextManager[None]:
        """Combine the writes of a ``with`` block: a file is written once, at the end.

        Other writers wait meanwhile, in this process and in others. Tasks of a run that is started
        in the block take part in it if they run in this process; their writes are on disk at once.
        Writes before an exception are kept. A child that is forked in the block is another
        process: it does not write the batch.
        """
        return self._writing.batch()

    # -- reading -------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a live entry, else ``default``.

        Raises IllegalValue for a stored value that cannot be rebuilt in this process.
        """
        entry = self._live(key)
        return default if entry is None else entry.value.value(key)

    def has(self, key: str) -> bool:
        """Tell whether there is a live entry."""
        return self._live(key) is not None

    def get_all(self) -> dict[str, Any]:
        """Return {key: value} of all live entries."""
        return {key: entry.value.value(key) for key, entry in self._all_live().items()}

    def get_metadata(self, key: str) -> dict[str, Any] | None:
        """Return the fields given to ``set``, ``timestamp`` (seconds since 1970, when it was set)
        and ``age`` (seconds since then); None if there is no live entry.

        Raises IllegalValue for invalid fields in a file."""
        entry = self._live(key)
        if entry is None:
            return None
        age = max(0.0, SYSTEM_CLOCK.wall() - entry.timestamp)
        return {**entry.fields(key), "timestamp": entry.timestamp, "age": age}

    def __repr__(self) -> str:
        where = "in-memory" if self._file is None else self._file.name
        return f"StateManager({where}, cached_items={len(self._all_live())})"

    # -- inside --------------------------------------------------------------------------------

    def _make(self, key: str, value: Any, ttl: object, metadata: object) -> Entry:
        fields = check_metadata(key, metadata)
        seconds = choose_ttl(ttl, self.default_ttl)
        now = SYSTEM_CLOCK.wall()
        if self._file is None:
            return Entry(hold(value), hold(fields), now, seconds)
        kept = store(key, value, "value"), store(key, fields, "metadata")
        return write_entry(*kept, now, seconds)

    def _entries(self) -> Mapping[str, Entry]:
        draft = self._writing.draft()
        if draft is not None:
            return draft.entries
        return self._memory if self._file is None else self._file.read()

    def _live(self, key: str) -> Entry | None:
        entry = self._entries().get(check_key(key))
        return entry if entry is not None and entry.is_live(SYSTEM_CLOCK.wall()) else None

    def _all_live(self) -> dict[str, Entry]:
        now = SYSTEM_CLOCK.wall()
        # The copy is atomic, so no other thread changes the entries during it.
        entries = dict(self._entries())
        return {key: entry for key, entry in entries.items() if entry.is_live(now)}


def _drop_expired(draft: Draft) -> list[str]:
    now = SYSTEM_CLOCK.wall()
    expired = [key for key, entry in draft.entries.items() if not entry.is_live(now)]
    for key in expired:
        del draft.entries[key]
    draft.changed |= bool(expired)
    return expired
