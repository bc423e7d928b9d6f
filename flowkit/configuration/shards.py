"""Shards: several namespaces, on one or more servers, that share the runs.

A list of shards is written as URLs separated by spaces. The fragment of a URL names the namespace,
as in ``redis://host:6379/0#etl-1``; without a fragment it is that of the settings. A shard is
identified by its position in the list: run ids are distributed over positions (``rendezvous``), so
all processes must have the same list in the same order (``protocol/shard_positions.py`` checks it).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from .redis_url import (
    is_sentinel_url,
    redact_url,
    split_sentinel_url,
    url_problem,
    without_namespace,
)

ALONE = "0/1"  # the position of the only shard


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


def list_problem(urls: str) -> str | None:
    """Return what is wrong with a list of URLs, without passwords; None if it is valid."""
    parts = urls.split()
    if len(parts) < 2:
        return url_problem(without_namespace(urls.strip())[0])
    for number, part in enumerate(parts, 1):
        problem = url_problem(without_namespace(part)[0])
        if problem:
            return f"part {number} of {len(parts)}, separated by spaces, is not a URL: {problem}"
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


def _place(shard: Shard) -> tuple[object, ...]:
    """Return a value that is equal for all URLs of the same namespace of the same Redis."""
    if not is_sentinel_url(shard.url):
        return (*server_of(shard.url), shard.namespace)
    url = split_sentinel_url(shard.url)
    hosts = frozenset((host.lower(), port) for host, port in url.hosts)
    return ((hosts, url.service), server_of(url.plain)[1], shard.namespace)


def server_of(url: str) -> tuple[object, int]:
    """Return the socket, or the host and port, of a valid URL, and the number of its database.

    It reads them as redis-py does, which takes long to import: an option overrides the path.
    """
    parts = urlsplit(url)
    is_socket = parts.scheme == "unix"
    option = parse_qs(parts.query).get("db")
    try:
        database = int(option[0] if option else (not is_socket and parts.path.strip("/")) or 0)
    except ValueError:
        raise ValueError("its option db is not the number of a database") from None
    if is_socket:
        return unquote(parts.path), database
    return (unquote(parts.hostname or "localhost"), parts.port or 6379), database
