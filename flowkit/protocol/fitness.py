"""Is this Redis one that runs can be trusted to? Asked once, when a daemon or a client starts.

An old server lacks commands the scripts use. A server that evicts keys when memory is full deletes
queues and records without a word, so it is refused unless the user says otherwise. A shard that is
another one than the list of URLs makes it would be asked for runs that it does not have.
"""

from __future__ import annotations

from ..exceptions import NotPermitted, RedisUnavailable, StoreError, UnfitRedis, WrongShards
from .keys import Keys
from .link import Link
from .redis_url import redact_url
from .shards import wrong_shards

OLDEST = (6, 2)


def check_fitness(link: Link, *, allow_eviction: bool = False) -> None:
    """Raise UnfitRedis for a server that is too old or may evict keys.

    A server that does not answer INFO (the embedded one, or a login that may not ask) passes.
    Raises RedisUnavailable if it cannot be reached.
    """
    try:
        info = link.call("INFO")
    except NotPermitted:
        return
    except RedisUnavailable:
        raise
    except StoreError:
        return
    text = info if isinstance(info, str) else bytes(info).decode("utf-8", "replace")
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    _check_version(link, fields.get("redis_version", ""))
    policy = fields.get("maxmemory_policy", "noeviction").strip()
    if policy != "noeviction" and not allow_eviction:
        raise UnfitRedis(
            f"Redis at {redact_url(link.url)} has maxmemory-policy {policy!r}: when its memory is "
            "full it deletes keys, and with them queues and results. Set "
            "'maxmemory-policy noeviction', or accept the risk with --allow-eviction "
            "(FLOWKIT_ALLOW_EVICTION=1)"
        )


def check_layout(link: Link, namespace: str, layout: str) -> int:
    """Ask a shard whether it is the one that a list of URLs makes it. One round trip.

    ``layout``: ``position/count``. Return how many shards there were at first; 1 where nobody has
    said so, since no scheduler has led yet. Raises WrongShards, RedisUnavailable.
    """
    found = link.call("GET", Keys(namespace).layout())
    if found is None:
        return 1
    said, _, first = found.decode("utf-8", "replace").rpartition("/")
    if said != layout:
        raise WrongShards(wrong_shards(link.url, namespace, layout, said))
    return int(first)


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
