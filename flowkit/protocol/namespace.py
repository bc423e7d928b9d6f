"""Deleting, expiring or keeping a whole namespace, which was created for one run.

It refuses nothing. The caller must know that no client, scheduler or worker uses the namespace.
These are not transitions of a run, so they need no script.
"""

from __future__ import annotations

from collections.abc import Iterator

from .keys import Keys
from .link import Link

SCANNED = 1000


def drop_namespace(link: Link, namespace: str) -> int:
    """Delete all keys of a namespace and return their number. Raises StoreError."""
    return sum(link.call("UNLINK", *keys) for keys in _scanned(link, namespace))


def expire_namespace(link: Link, namespace: str, ttl_ms: int) -> None:
    """Make all keys of a namespace expire after ``ttl_ms``. Raises StoreError."""
    for keys in _scanned(link, namespace):
        link.batch([("PEXPIRE", key, ttl_ms) for key in keys])


def keep_namespace(link: Link, namespace: str) -> None:
    """Remove the TTL of all keys of a namespace. Raises StoreError."""
    for keys in _scanned(link, namespace):
        link.batch([("PERSIST", key) for key in keys])


def _scanned(link: Link, namespace: str) -> Iterator[list[bytes]]:
    # A namespace contains no special characters of patterns.
    pattern = Keys(namespace).prefix + "*"
    cursor = b"0"
    while True:
        cursor, keys = link.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
        if keys:
            yield keys
        if cursor == b"0":
            return
