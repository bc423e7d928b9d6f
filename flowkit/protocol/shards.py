"""Shards: several namespaces, on one or more servers, that share the runs.

A list of shards is written as URLs separated by blanks. The fragment of a URL names the namespace,
as in ``redis://host:6379/0#etl-1``; without a fragment it is that of the settings. A shard is
identified by its position in the list: run ids are distributed over positions (``rendezvous``), so
all processes must have the same list in the same order. The key ``layout`` of each shard is used to
check that. It only grows; see ``acquire_lease.lua``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .decoding import text_of
from .pages import SHARDS, page
from .redis_url import (
    is_sentinel_url,
    redact_url,
    split_sentinel_url,
    url_problem,
    without_namespace,
)

ALONE = "0/1"  # the position of the only shard
_SHARD_POSITION = re.compile(r"([0-9]{1,6})/([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True, repr=False)
class Shard:
    """One namespace of one Redis, and its position among ``count`` shards, from 0.

    ``origin``: the file that names it, "" if none does; errors mention it.
    """

    url: str
    namespace: str
    position: int = 0
    count: int = 1
    origin: str = field(default="", compare=False)

    @property
    def shard_position(self) -> str:
        """The expected position of the shard: ``position/count``."""
        return f"{self.position}/{self.count}"

    def __repr__(self) -> str:
        return f"shard {self.shard_position} ({redact_url(self.url)}, namespace {self.namespace!r})"


@dataclass(frozen=True, slots=True)
class ShardPosition:
    """The stored position of a shard, the number of shards, and their first number."""

    position: int
    count: int
    first: int

    @property
    def place(self) -> str:
        """The position without ``first``, as in ``Shard.shard_position``."""
        return f"{self.position}/{self.count}"


def read_shard_position(stored: bytes) -> ShardPosition | None:
    """Decode the key ``layout``; None for an impossible position."""
    parts = _SHARD_POSITION.fullmatch(text_of(stored))
    if parts is None:
        return None
    read = ShardPosition(*map(int, parts.groups()))
    fits = read.position < read.count and 1 <= read.first <= read.count
    return read if fits else None


def list_problem(urls: str) -> str | None:
    """Return what is wrong with a list of URLs, without passwords; None if it is valid."""
    parts = urls.split()
    if len(parts) < 2:
        return url_problem(without_namespace(urls.strip())[0])
    for number, part in enumerate(parts, 1):
        problem = url_problem(without_namespace(part)[0])
        if problem:
            return f"of its {len(parts)} parts between blanks, part {number} is no URL: {problem}"
    return None


def shards_of(urls: str, namespace: str, origin: str = "") -> tuple[Shard, ...]:
    """Return the shards of a valid list.

    ``namespace``: used for URLs without a fragment. ``origin``: the file that names them. Raises
    ValueError if two shards are the same namespace of the same Redis.
    """
    parts = [without_namespace(part) for part in urls.split()]
    shards = tuple(
        Shard(url, named or namespace, at, len(parts), origin)
        for at, (url, named) in enumerate(parts)
    )
    places: dict[tuple[object, ...], Shard] = {}
    for shard in shards if len(shards) > 1 else ():
        twin = places.setdefault(_place(shard), shard)
        if twin is not shard:
            raise ValueError(
                f"shards {twin.position} and {shard.position} (counted from 0) are both namespace "
                f"{shard.namespace!r} of {redact_url(shard.url)}. Name each Redis once, or give "
                "each its own namespace after a #, as in redis://host:6379/0#etl-1"
            )
    return shards


def wrong_shards(url: str, namespace: str, shard_position: str, said: str) -> str:
    """Return the message for a shard that is ``shard_position`` in the list, ``said`` in Redis."""
    return (
        f"the list of Redis URLs makes {redact_url(url)} (namespace {namespace!r}) shard "
        f"{shard_position}, and its schedulers made it shard {said} (position/number of shards, "
        "counted from 0). "
        "Clients, workers and schedulers need the same URLs in the same order: give this process "
        "the list of the others, in FLOWKIT_REDIS_URL, --redis or redis-url. To append a shard, "
        "stop all schedulers before you start them with the longer list. To undo a wrong list, "
        f"see {page(SHARDS)}"
    )


def _place(shard: Shard) -> tuple[object, ...]:
    """Return a value that is equal for all URLs of the same namespace of the same Redis."""
    from redis.connection import parse_url  # takes long to import, and a single URL needs none

    if is_sentinel_url(shard.url):
        url = split_sentinel_url(shard.url)
        hosts = frozenset((host.lower(), port) for host, port in url.hosts)
        master, plain = (hosts, url.service), url.plain
    else:
        master, plain = None, shard.url
    parts = parse_url(plain)  # type: ignore[no-untyped-call, unused-ignore]
    host = parts.get("path") or (parts.get("host", "localhost"), parts.get("port", 6379))
    return (master or host, int(parts.get("db", 0)), shard.namespace)
