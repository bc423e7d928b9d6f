"""The stored layout of a shard: what the key ``layout`` says of its place among the shards.

It is compared with the list of URLs of each process. It only grows; see ``acquire_lease.lua``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..configuration.redis_url import redact_url
from .decoding import text_of
from .pages import SHARDS, page

_LAYOUT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Layout:
    """The stored layout of a shard: its position, the number of shards, and their first number."""

    position: int
    count: int
    first: int

    @property
    def place(self) -> str:
        """The layout without ``first``, as in ``Shard.layout``."""
        return f"{self.position}/{self.count}"


def read_layout(stored: bytes) -> Layout | None:
    """Decode the key ``layout``; None for an impossible layout."""
    parts = _LAYOUT.fullmatch(text_of(stored))
    if parts is None:
        return None
    layout = Layout(*map(int, parts.groups()))
    fits = layout.position < layout.count and 1 <= layout.first <= layout.count
    return layout if fits else None


def wrong_shards(url: str, namespace: str, layout: str, said: str) -> str:
    """Return the message for a shard that is ``layout`` in the list, but ``said`` in Redis."""
    return (
        f"the list of Redis URLs makes {redact_url(url)} (namespace {namespace!r}) shard {layout}, "
        f"but its schedulers made it shard {said} (position/number of shards, counted from 0). "
        "Clients, workers and schedulers need the same URLs in the same order: give this process "
        "the list of the others, in FLOWKIT_REDIS_URL, --redis or redis-url. To append a shard, "
        "stop all schedulers before you start them with the longer list. To undo a wrong list, "
        f"see {page(SHARDS)}"
    )
