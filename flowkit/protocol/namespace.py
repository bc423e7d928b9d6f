"""Deleting, expiring or keeping a whole namespace, which was created for one run.

They refuse nothing. The caller must know that no client, scheduler or worker uses the namespace.
These are not transitions of a run, so they need no script.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..basics.names import NAMESPACE
from .decoding import CorruptData, number, text_of
from .keys import Keys
from .link import Link

SCANNED = 1000
FOREVER = -1  # what PTTL answers for a key that does not expire
AN_HOUR_MS = 3_600_000


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


def abandoned_namespaces(link: Link) -> list[str]:
    """Return the namespaces of single runs that a killed command has left behind.

    ``flowkit run`` names its namespace after its run. In the end it deletes it, or lets its keys
    expire. A namespace counts only if it has that one run, if its keys do not expire, and if no
    scheduler and no worker was alive in the last hour. All names of keys are looked at, a thousand
    per round trip. Raises StoreError.
    """
    found: set[str] = set()
    for keys in _matching(link, "{run-*}:leader"):
        found.update(text_of(key)[1:].partition("}")[0] for key in keys)
    return sorted(name for name in found if _is_abandoned(link, name))


def _is_abandoned(link: Link, namespace: str) -> bool:
    if not NAMESPACE.fullmatch(namespace):
        return False
    keys = Keys(namespace)
    now, leader, left_ms, runs, worker = link.batch_each(
        [
            ("TIME",),
            ("GET", keys.leader()),
            ("PTTL", keys.leader()),
            ("ZRANGE", keys.runs(), 0, 1),
            ("ZRANGE", keys.workers(), -1, -1, "WITHSCORES"),
        ]
    )
    try:
        _, _, until = leader.split(b",")
        newest = number(until, "the end of a lease")
        newest = max([newest, *(round(float(score)) for score in worker[1:])])
    except (CorruptData, AttributeError, TypeError, ValueError):  # foreign or damaged
        return False
    only = [namespace.removeprefix("run-").encode()]
    return left_ms == FOREVER and runs == only and newest < int(now[0]) * 1000 - AN_HOUR_MS


def _scanned(link: Link, namespace: str) -> Iterator[list[bytes]]:
    # A namespace contains no special characters of patterns.
    return _matching(link, Keys(namespace).prefix + "*")


def _matching(link: Link, pattern: str) -> Iterator[list[bytes]]:
    cursor = b"0"
    while True:
        cursor, keys = link.call("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
        if keys:
            yield keys
        if cursor == b"0":
            return
