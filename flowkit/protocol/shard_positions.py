"""The stored position of a shard: what the key ``layout`` says about its place among the shards.

It is compared with the list of URLs of each process. It only grows; see ``acquire_lease.lua``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..basics.pages import SHARDS, page
from ..configuration.redis_url import redact_url
from .decoding import text_of

_SHARD_POSITION = re.compile(r"([0-9]{1,6})/([0-9]{1,6})/([0-9]{1,6})")


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


def wrong_shards(url: str, namespace: str, shard_position: str, said: str) -> str:
    """Return the message for a shard that is ``shard_position`` in the list, ``said`` in Redis."""
    return (
        f"the list of Redis URLs makes {redact_url(url)} (namespace {namespace!r}) shard "
        f"{shard_position}, but its schedulers made it shard {said} (position/number of shards, "
        "counted from 0). "
        "Clients, workers and schedulers need the same URLs in the same order: give this process "
        "the list of the others, in FLOWKIT_REDIS_URL, --redis or redis-url. To append a shard, "
        "stop all schedulers before you start them with the longer list. To undo a wrong list, "
        f"see {page(SHARDS)}"
    )
