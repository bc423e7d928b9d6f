"""State in Redis: the interface of ``StateManager``, for processes on many machines.

Each entry is a key in the namespace, and Redis expires it. All writes are scripts
(protocol/state_store.py), and the time is that of Redis. Threads may share a manager, with one call
at a time; a forked process opens its own connection. The first call connects, so an app may create
its manager where it defines its tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

from ..arguments import check_key, check_metadata, check_ttl, choose_ttl
from ..basics.per_process import PerProcess
from ..configuration.redis_url import redact_url
from ..exceptions import FlowkitError, IllegalValue
from ..protocol.decoding import CorruptData
from ..protocol.link import Link
from ..protocol.state_store import EntryStore
from ..settings import load_settings
from .entries import pack_value, unpack_metadata, unpack_value

PATIENCE_S = 5.0


class RedisStateManager:
    """Values by key in Redis. Use it in a ``with`` block, or for the lifetime of the process.

    ``url``, ``namespace``: default to the settings. ``name``: the store in the namespace; with
    several shards, it is on the first one. ``default_ttl``: seconds after which an entry expires
    unless ``set`` has a ``ttl``, None for never.
    """

    def __init__(
        self,
        url: str | None = None,
        namespace: str | None = None,
        name: str = "state",
        default_ttl: float | None = None,
    ) -> None:
        """Raises FlowkitError without a Redis URL, BadRedisURL or SettingsError for an invalid one,
        TypeError or ValueError for another invalid argument."""
        for option, value in (("url", url), ("namespace", namespace), ("name", name)):
            if not isinstance(value, str) and (value is not None or option == "name"):
                raise TypeError(f"{option} of a RedisStateManager must be a string, not {value!r}.")
        settings = load_settings(redis_url=url, namespace=namespace)
        if not settings.shards:
            raise FlowkitError(
                "no Redis URL is set: give url='redis://localhost:6379', set FLOWKIT_REDIS_URL, or "
                "redis-url under [tool.flowkit] in pyproject.toml; StateManager needs none"
            )
        self.default_ttl = check_ttl("default_ttl", default_ttl)
        first = settings.shards[0]
        self.url, self.namespace = first.url, first.namespace
        self.name = name
        self._max_bytes = settings.max_result_bytes
        self._lock = PerProcess(RLock)
        link = Link(
            self.url,
            name="flowkit-state",
            patience=PATIENCE_S,
            read_timeout=PATIENCE_S,
            max_value=self._max_bytes,
        )
        self._entries = EntryStore(link, self.namespace, self.name)

    @contextmanager
    def _store(self) -> Iterator[EntryStore]:
        """Get exclusive access to the connection. In a forked child, the link opens a new one."""
        with self._lock.get():
            yield self._entries

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        with self._store() as entries:
            entries.close()

    def __enter__(self) -> RedisStateManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -------------------------------------------------------------------------------

    def set(
        self,
        key: str,
        value: Any,
        ttl: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a value, replacing the previous one; see ``StateManager.set``.

        TTLs are rounded up to ms. Raises IllegalValue if it cannot be stored, StoreError.
        """
        key = check_key(key)
        fields = check_metadata(key, metadata)
        seconds = choose_ttl(ttl, self.default_ttl)
        packed = pack_value(key, value, "value", max_bytes=self._max_bytes)
        packed_fields = pack_value(key, fields, "metadata") if fields else b""
        with self._store() as entries:
            entries.set(key, packed, packed_fields, _in_ms(seconds))

    def delete(self, key: str) -> bool:
        """Remove an entry; return whether there was a live one.

        After an outage of Redis, False may also mean that the first attempt removed it.
        """
        with self._store() as entries:
            return entries.delete([check_key(key)]) > 0

    def clear(self) -> None:
        """Remove all entries of this store."""
        with self._store() as entries:
            entries.clear()

    def invalidate_expired(self) -> list[str]:
        """Remove the names of expired entries, and return them."""
        with self._store() as entries:
            return entries.expire()

    # -- reading -------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a live entry, else ``default``.

        Raises IllegalValue for a stored value that cannot be rebuilt in this process, StoreError.
        """
        key = check_key(key)
        with self._store() as entries, _readable(key):
            packed = entries.read(key)
        return default if packed is None else unpack_value(key, packed)

    def has(self, key: str) -> bool:
        """Tell whether there is a live entry."""
        with self._store() as entries:
            return entries.exists(check_key(key))

    def get_all(self) -> dict[str, Any]:
        """Return {key: value} of all live entries.

        Raises IllegalValue that names the first value that cannot be rebuilt, StoreError.
        """
        with self._store() as entries:
            return {key: _value(key, packed) for key, packed in entries.read_all()}

    def get_metadata(self, key: str) -> dict[str, Any] | None:
        """Return the fields given to ``set``, ``timestamp`` (seconds since 1970, when it was set)
        and ``age`` (seconds since then); None if there is no live entry.

        Raises IllegalValue for invalid metadata, StoreError."""
        key = check_key(key)
        with self._store() as entries, _readable(key):
            about = entries.read_about(key)
        if about is None:
            return None
        packed, set_ms, now_ms = about
        fields = unpack_metadata(key, packed) if packed else {}
        return {**fields, "timestamp": set_ms / 1000, "age": max(0, now_ms - set_ms) / 1000}

    def __repr__(self) -> str:
        """Describe the store without asking Redis: a ``repr`` must work during an outage."""
        where = f"{redact_url(self.url)!r}, namespace={self.namespace!r}, name={self.name!r}"
        return f"RedisStateManager({where})"


@contextmanager
def _readable(key: str) -> Iterator[None]:
    """Raise IllegalValue, naming ``key``, for a damaged entry."""
    try:
        yield
    except CorruptData as error:
        raise _damaged(key, error) from error


def _value(key: str, packed: bytes | CorruptData) -> Any:
    if isinstance(packed, CorruptData):
        raise _damaged(key, packed) from packed
    return unpack_value(key, packed)


def _damaged(key: str, error: CorruptData) -> IllegalValue:
    return IllegalValue(
        f"State {key!r} is damaged in Redis: {str(error).rstrip('. ')}. Set or delete it, and "
        "check who else can write to that Redis"
    )


def _in_ms(seconds: float | None) -> int | None:
    """Return whole ms; a TTL above 0 is at least one ms, since 0 would expire at once."""
    return None if seconds is None else math.ceil(seconds * 1000)
