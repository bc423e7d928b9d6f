"""Shards: several namespaces, on as many servers as one likes, that share the runs.

A list of shards is written as URLs with blanks between them. The fragment of a URL names the
namespace there, ``redis://host:6379/0#etl-1``; without one it is that of the settings. The position
in the list is the shard's name: ids of runs are spread over positions (``rendezvous``), so all
parties must have the same list in the same order. What ``layout`` says in each shard tells
whether they do. It grows only; see ``lead.lua``.
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

ALONE = "0/1"  # the layout of a list of one
_LAYOUT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True, repr=False)
class Shard:
    """One namespace of one Redis, and its position among ``count`` of them, counted from 0.

    ``origin``: the file that named it, "" if none did; errors tell it.
    """

    url: str
    namespace: str
    position: int = 0
    count: int = 1
    origin: str = field(default="", compare=False)

    @property
    def layout(self) -> str:
        """What the shard's ``layout`` has to say: ``position/count``."""
        return f"{self.position}/{self.count}"

    def __repr__(self) -> str:
        return f"shard {self.layout} ({redact_url(self.url)}, namespace {self.namespace!r})"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a shard says of itself: which of how many it is, and how many there were at first."""

    position: int
    count: int
    first: int

    @property
    def place(self) -> str:
        """It without ``first``, as ``Shard.layout`` has it."""
        return f"{self.position}/{self.count}"


def read_layout(stored: bytes) -> Layout | None:
    """Return what the key ``layout`` says; None for numbers that no list of shards has."""
    parts = _LAYOUT.fullmatch(text_of(stored))
    if parts is None:
        return None
    layout = Layout(*map(int, parts.groups()))
    fits = layout.position < layout.count and 1 <= layout.first <= layout.count
    return layout if fits else None


def list_problem(urls: str) -> str | None:
    """Tell what is wrong with a list of URLs, without passwords; None if nothing is."""
    parts = urls.split()
    if len(parts) < 2:
        return url_problem(without_namespace(urls.strip())[0])
    for number, part in enumerate(parts, 1):
        problem = url_problem(without_namespace(part)[0])
        if problem:
            return f"of its {len(parts)} parts between blanks, part {number} is no URL: {problem}"
    return None


def shards_of(urls: str, namespace: str, origin: str = "") -> tuple[Shard, ...]:
    """Return the shards of a list that has no problem.

    ``namespace``: of those that name none. ``origin``: the file that named them. Raises
    ValueError if two of them are the same place.
    """
    parts = [without_namespace(part) for part in urls.split()]
    found = tuple(
        Shard(url, named or namespace, at, len(parts), origin)
        for at, (url, named) in enumerate(parts)
    )
    places: dict[tuple[object, ...], Shard] = {}
    for shard in found if len(found) > 1 else ():
        twin = places.setdefault(_place(shard), shard)
        if twin is not shard:
            raise ValueError(
                f"shards {twin.position} and {shard.position} (counted from 0) are both namespace "
                f"{shard.namespace!r} of {redact_url(shard.url)}. Name each Redis once, or give "
                "each a namespace of its own behind a #, as in redis://host:6379/0#etl-1"
            )
    return found


def wrong_shards(url: str, namespace: str, layout: str, said: str) -> str:
    """Return the sentence for a list that makes a shard ``layout`` of what is ``said``."""
    return (
        f"the list of Redis URLs makes {redact_url(url)} (namespace {namespace!r}) shard {layout}, "
        f"and its schedulers made it shard {said} (position/number of shards, counted from 0). "
        "Clients, workers and schedulers need the same URLs in the same order: give this one the "
        "list that the others have, in FLOWKIT_REDIS_URL, --redis or redis-url. To append a shard, "
        "stop all schedulers before you start them with the longer list. To take a wrong list "
        f"back: {page(SHARDS)}"
    )


def _place(shard: Shard) -> tuple[object, ...]:
    """Return what two URLs of one place have in common, however they are written."""
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
