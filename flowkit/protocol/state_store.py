"""The calls of a state store: named entries with their own TTLs, independent of runs.

An entry is a hash that Redis expires; it is live if the hash exists. The list of entries (a sorted
set) is only used to find them: it may name entries that have expired or were evicted. Values and
metadata are already packed and are not decoded here.

Other programs may write to these keys too. Invalid data is ``CorruptData``; in a list, only the
affected entry is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .decoding import CorruptData, number
from .keys import STATE_STORE
from .link import Link
from .reply_errors import WrongType
from .store import Store

READ_TOGETHER = 100
DELETED_TOGETHER = 1000
# Three hundred years, in effect no limit. Redis refuses times that overflow its clock.
LONGEST_TTL_MS = 10**13


class EntryStore(Store):
    """The entries of one state store. Not thread-safe, as the Link is not."""

    def __init__(self, link: Link, namespace: str, name: str) -> None:
        """Raises ValueError for an invalid name."""
        super().__init__(link, namespace)
        if not STATE_STORE.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a valid name of a state store: use 1 to 64 letters, digits, "
                "'_', '-' or '.'"
            )
        self.name = name

    def set(self, entry: str, value: bytes, metadata: bytes, ttl_ms: int | None) -> None:
        """Store an entry. ``ttl_ms``: None for no TTL; 0 or less expires it at once."""
        ttl: int | str = "" if ttl_ms is None or ttl_ms > LONGEST_TTL_MS else ttl_ms
        self._script("set_state", self.name, _bytes(entry), value, metadata, ttl)

    def delete(self, entries: Sequence[str]) -> int:
        """Delete entries and return how many were live; one round trip per thousand.

        If a lost reply makes it retry, entries that the first call has deleted are not counted.
        """
        return self._delete([_bytes(entry) for entry in entries])

    def _delete(self, names: Sequence[bytes]) -> int:
        deleted = 0
        for at in range(0, len(names), DELETED_TOGETHER):
            reply = self._script("delete_state", self.name, *names[at : at + DELETED_TOGETHER])
            deleted += reply[1]
        return deleted

    def clear(self) -> None:
        """Delete all entries."""
        self._delete(self._listed())

    def expire(self) -> list[str]:
        """Remove expired entries from the list, and return their names."""
        expired: list[str] = []
        while True:
            _, *names = self._script("expire_state", self.name, DELETED_TOGETHER)
            expired += map(_text, names)
            if len(names) < DELETED_TOGETHER:
                return expired

    # -- reads --------------------------------------------------------------------------------

    def read(self, entry: str) -> bytes | None:
        """Return the packed value of an entry, None if it is not live. Raises CorruptData."""
        value: bytes | None = self.link.call("HGET", self._key(_bytes(entry)), "value")
        return value

    def exists(self, entry: str) -> bool:
        """Return whether an entry is live."""
        return bool(self.link.call("EXISTS", self._key(_bytes(entry))))

    def read_about(self, entry: str) -> tuple[bytes, int, int] | None:
        """Return the packed metadata of an entry, when it was set, and the current time.

        Times are ms of Redis' clock. None if the entry is not live. Raises CorruptData.
        """
        key = self._key(_bytes(entry))
        (metadata, set_ms), now = self.link.batch([("HMGET", key, "metadata", "set"), ("TIME",)])
        if set_ms is None:
            return None
        set_at = number(set_ms, "the time when it was set")
        return metadata or b"", set_at, int(now[0]) * 1000 + int(now[1]) // 1000

    def read_all(self) -> Iterator[tuple[str, bytes | CorruptData]]:
        """Yield (name, packed value) of every live entry; one round trip per hundred.

        The value is CorruptData for a key of the wrong type.
        """
        names = self._listed()
        for at in range(0, len(names), READ_TOGETHER):
            part = names[at : at + READ_TOGETHER]
            values = self.link.batch_each([("HGET", self._key(name), "value") for name in part])
            for name, value in zip(part, values, strict=True):
                if value is not None:
                    yield _text(name), value

    def _listed(self) -> list[bytes]:
        key = self.keys.state(self.name)
        try:
            names: list[bytes] = self.link.call("ZRANGE", key, 0, -1)
        except WrongType:
            raise CorruptData(
                f"the list {key!r} of a state store is damaged: its key holds another type of "
                "value. Delete it, and check who else can write to that Redis"
            ) from None
        return names

    def _key(self, entry: bytes) -> bytes:
        return self.keys.entry(self.name, "").encode() + entry


def _bytes(entry: str) -> bytes:
    return entry.encode("utf-8", "surrogatepass")


def _text(entry: bytes) -> str:
    """Decode a name written by ``_bytes``. Bytes that are not UTF-8 are escaped."""
    try:
        return entry.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return entry.decode("utf-8", "backslashreplace")
