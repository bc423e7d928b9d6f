"""Is this Redis one that runs can be trusted to? Asked when a daemon or a client starts, and by the
leading scheduler again and again.

An old server lacks commands the scripts use. A server that evicts keys when memory is full deletes
queues and records without a word, so it is refused unless the user says otherwise. One that is
told to evict while runs go on is complained of and used: to stop would help none of them. A shard
that is another one than the list of URLs makes it would be asked for runs that it does not have.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress

from ..exceptions import NotPermitted, RedisUnavailable, StoreError, UnfitRedis, WrongShards
from .keys import SCHEMA, Keys
from .link import Link
from .redis_url import redact_url
from .shards import read_layout, wrong_shards
from .store import Store

OLDEST = (6, 2)


def check_server(link: Link, *, allow_eviction: bool = False) -> None:
    """Raise UnfitRedis for a server that is too old or may evict keys.

    A server that does not answer INFO (the embedded one, or a login that may not ask) passes.
    Raises RedisUnavailable if it cannot be reached.
    """
    fields = _info(link)
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
    """Raise UnfitRedis if a newer release has written to the namespace what this one cannot read.

    Where no format is noted, this release's is. ``daemon``: a lower one is raised to it; a client
    that only looks must not shut out the daemons of before. One round trip, two for the first.
    """
    found = store.read_schema()
    if found is None or (daemon and _is_format(found) and int(found) < SCHEMA):
        # A full Redis or a replica takes no note. Who only looks may look nevertheless.
        with ExitStack() as how:
            if not daemon:
                how.enter_context(suppress(RedisUnavailable))
                how.enter_context(store.link.impatient())
            found = store.note_schema(SCHEMA, upgrade=daemon)
    if found is None or (_is_format(found) and int(found) <= SCHEMA):
        return
    namespace, where = store.keys.namespace, redact_url(store.link.url)
    told = found[:20].decode("utf-8", "backslashreplace")
    raise UnfitRedis(
        f"namespace {namespace!r} of Redis at {where} has format {told}, and this release "
        f"of flowkit knows formats up to {SCHEMA}: a newer one has written there. "
        "Upgrade flowkit here, or use another namespace"
    )


def eviction_policy(link: Link) -> str | None:
    """Return the policy by which the server may delete keys, "" if it never does.

    None if it does not tell. Raises RedisUnavailable if it cannot be reached.
    """
    fields = _info(link, "memory")
    return None if fields is None else _evicting(fields)


def may_evict(link: Link, policy: str) -> str:
    """Return what is wrong with such a server and how to mend it, as a sentence without its end."""
    return (
        f"Redis at {redact_url(link.url)} has maxmemory-policy {policy!r}: when its memory is "
        "full it deletes keys, and with them queues and results. Set 'maxmemory-policy noeviction'"
    )


def _info(link: Link, *section: str) -> dict[str, str] | None:
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


def check_layout(link: Link, namespace: str, layout: str) -> int:
    """Ask a shard whether it is the one that a list of URLs makes it. One round trip.

    ``layout``: ``position/count``. Return how many shards there were at first; 1 where nobody has
    said so, since no scheduler has led yet. Raises WrongShards, RedisUnavailable.
    """
    found = link.call("GET", Keys(namespace).layout())
    if found is None:
        return 1
    said = read_layout(found)
    if said is None:
        return 1  # the next scheduler that takes the lease replaces it
    if said.place != layout:
        raise WrongShards(wrong_shards(link.url, namespace, layout, said.place))
    return said.first


def _is_format(text: bytes) -> bool:
    """Return whether this is a number that a format or a count of shards can have."""
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
