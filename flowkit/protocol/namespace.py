"""What is done with a namespace as a whole, which was made for one run: deleting it, or keeping it.

It refuses nothing and asks nobody: whoever calls it must know that no client, scheduler or worker
uses the namespace. It is no transition of a run, so it needs no script.
"""

from __future__ import annotations

from collections.abc import Iterator

from .keys import Keys
from .link import Link

SCANNED = 1000


def drop_namespace(link: Link, namespace: str) -> int:
    """Delete all keys of a namespace and return how many there were. Raises StoreError."""
    return sum(link.call("UNLINK", *keys) for keys in _scanned(link, namespace))


def expire_namespace(link: Link, namespace: str, ttl_ms: int) -> None:
    """Have all keys of a namespace expire after so many ms. Raises StoreError."""
    for keys in _scanned(link, namespace):
        link.batch([("PEXPIRE", key, ttl_ms) for key in keys])


def keep_namespace(link: Link, namespace: str) -> None:
    """Have no key of a namespace expire. Raises StoreError."""
    for keys in _scanned(link, namespace):
        link.batch([("PERSIST", key) for key in keys])


def _scanned(link: Link, namespace: str) -> Iterator[list[bytes]]:
    # A namespace holds no character that a pattern would take for anything but itself.
    pattern = Keys(namespace).prefix + "*"
    cursor = b"0"
    while True:
        cursor, keys = link.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
        if keys:
            yield keys
        if cursor == b"0":
            return
