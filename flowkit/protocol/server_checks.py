"""Checks of a Redis server before it is used. Daemons and clients run them when they start, and the
leading scheduler repeats them.

An old server lacks commands that the scripts use. A server that evicts keys when its memory is full
silently deletes queues and records, so it is refused unless the user accepts the risk. If a server
starts to evict later, that is only reported: stopping would not help the runs. A shard at another
position than the list of URLs says would be asked for runs that it does not have.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress

from ..configuration.redis_url import redact_url
from ..exceptions import NotPermitted, RedisUnavailable, StoreError, UnfitRedis, WrongShards
from .keys import SCHEMA, Keys
from .link import Link
from .shard_positions import read_shard_position, wrong_shards
from .store import Store

OLDEST = (6, 2)


def check_server(link: Link, *, allow_eviction: bool = False) -> None:
    """Raise UnfitRedis for a server that is too old or may evict keys.

    A server that does not answer INFO passes (the embedded server, or a user without the right).
    Raises RedisUnavailable if it cannot be reached.
    """
    fields = read_info(link)
    if fields is None:
        return
    _check_version(link, fields.get("redis_version", ""))
    policy = _evicting(fields)
    if policy and not allow_eviction:
        raise UnfitRedis(
            f"{may_evict(link, policy)}, or accept the risk with --allow-eviction "
            "(FLOWKIT_ALLOW_EVICTION=1)"
        )


def check_schema(store: Store, *, daemon: bool = False) -> None:
    """Raise UnfitRedis if the namespace has a format that this release cannot read.

    If no format is stored, the one of this release is. ``daemon``: a lower format is raised to it;
    a client must not lock out older daemons. One round trip, two for the first process.
    """
    stored = store.read_schema()
    if stored is None or (daemon and _is_format(stored) and int(stored) < SCHEMA):
        # A full Redis or a replica refuses the write, but a client may still read.
        with ExitStack() as how:
            if not daemon:
                how.enter_context(suppress(RedisUnavailable))
                how.enter_context(store.link.impatient())
            stored = store.note_schema(SCHEMA, upgrade=daemon)
    if stored is None or (_is_format(stored) and int(stored) <= SCHEMA):
        return
    namespace, where = store.keys.namespace, redact_url(store.link.url)
    shown_format = stored[:20].decode("utf-8", "backslashreplace")
    raise UnfitRedis(
        f"namespace {namespace!r} of Redis at {where} has format {shown_format}, and this release "
        f"of flowkit knows formats up to {SCHEMA}: a newer one has written there. "
        "Upgrade flowkit here, or use another namespace"
    )


def eviction_policy(link: Link) -> str | None:
    """Return the eviction policy of the server, "" if it never evicts keys.

    None if the server does not report it. Raises RedisUnavailable if it cannot be reached.
    """
    fields = read_info(link, "memory")
    return None if fields is None else _evicting(fields)


def may_evict(link: Link, policy: str) -> str:
    """Return the problem with an evicting server and its remedy, without a full stop."""
    return (
        f"Redis at {redact_url(link.url)} has maxmemory-policy {policy!r}: when its memory is "
        "full, it deletes keys, including queues and results. Set 'maxmemory-policy noeviction'"
    )


def read_info(link: Link, *section: str) -> dict[str, str] | None:
    """Return the fields of INFO, None if the server does not answer it. Raises RedisUnavailable."""
    try:
        info = link.call("INFO", *section)
    except NotPermitted:
        return None
    except RedisUnavailable:
        raise
    except StoreError:
        return None
    text = info if isinstance(info, str) else bytes(info).decode("utf-8", "replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _evicting(fields: dict[str, str]) -> str:
    policy = fields.get("maxmemory_policy", "noeviction").strip()
    return "" if policy == "noeviction" else policy


def check_shard_position(link: Link, namespace: str, shard_position: str) -> int:
    """Check that a shard has the position that a list of URLs gives it. One round trip.

    ``shard_position``: ``position/count``. Return how many shards there were at first; 1 if no
    scheduler has led yet. Raises WrongShards, RedisUnavailable.
    """
    stored = link.call("GET", Keys(namespace).layout())
    if stored is None:
        return 1
    actual = read_shard_position(stored)
    if actual is None:
        return 1  # the next scheduler that acquires the lease replaces it
    if actual.place != shard_position:
        raise WrongShards(wrong_shards(link.url, namespace, shard_position, actual.place))
    return actual.first


def _is_format(text: bytes) -> bool:
    """Return whether a text is a valid format or number of shards."""
    return text.isdigit() and len(text) <= 6


def _check_version(link: Link, version: str) -> None:
    parts = version.strip().split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        return
    if (int(parts[0]), int(parts[1])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise UnfitRedis(
            f"Redis at {redact_url(link.url)} is version {version.strip()}; flowkit needs {needed} "
            "or newer (LPOP with a count, XTRIM MINID). Upgrade the server"
        )
