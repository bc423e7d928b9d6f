"""Deleting a namespace that was made for one run and is not needed any more.

It refuses nothing and asks nobody: whoever calls it must know that no client, scheduler or worker
uses the namespace. It is no transition of a run, so it needs no script.
"""

from __future__ import annotations

from .keys import Keys
from .link import Link

SCANNED = 1000


def drop_namespace(link: Link, namespace: str) -> int:
    """Delete all keys of a namespace and return how many there were. Raises StoreError."""
    # A namespace holds no character that a pattern would take for anything but itself.
    pattern = Keys(namespace).prefix + "*"
    dropped, cursor = 0, b"0"
    while True:
        cursor, keys = link.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
        if keys:
            dropped += link.call("UNLINK", *keys)
        if cursor == b"0":
            return dropped
