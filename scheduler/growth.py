"""Is a longer list of shards the right one? Asked once, before any of them is led by it.

What a scheduler writes down of the list cannot be taken back by a shorter one, and each shard's
own script sees its shard alone. So a slip (a wrong order, a shard of another system in the list)
would be noted in the shards that it fits before those that it does not fit refuse it. A wrong
Redis at the end that is empty cannot be told from a new one.

Asked one after the other and without threads: the parent forks afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from ..exceptions import RedisUnavailable, WrongShards
from ..protocol.decoding import text_of
from ..protocol.keys import Keys
from ..protocol.link import Link
from ..protocol.shards import Shard, read_layout, wrong_shards

SOON_S = 2.0
SHOWN = 40  # characters of what is no layout


def check_growth(shards: Sequence[Shard]) -> None:
    """Raise WrongShards if the list is longer than it was, and not the old one with new shards
    behind it; RedisUnavailable if a shard that does not answer leaves that open.
    """
    if len(shards) < 2:
        return  # no list is shorter
    said: dict[Shard, bytes] = {}
    away: RedisUnavailable | None = None
    for shard in shards:
        try:
            said[shard] = _layout_of(shard)
        except RedisUnavailable as error:
            away = away or error
    layouts = {shard: read_layout(stored) for shard, stored in said.items()}
    if not any(layout and layout.count < len(shards) for layout in layouts.values()):
        return  # it is as long as it was, or new; each shard refuses another place by itself
    for shard, layout in layouts.items():
        if said[shard] and (layout is None or layout.position != shard.position):
            told = layout.place if layout else text_of(said[shard])[:SHOWN]
            raise WrongShards(wrong_shards(shard.url, shard.namespace, shard.layout, told))
    if away is not None:
        raise RedisUnavailable(
            f"the list of Redis URLs is longer than it was, so all of its shards have to answer "
            f"once: {away}"
        )


def _layout_of(shard: Shard) -> bytes:
    """Return what stands under ``layout`` there, b"" for nothing."""
    keys = Keys(shard.namespace)
    link = Link(shard.url, name="flowkit-scheduler", patience=0.0, read_timeout=SOON_S)
    with closing(link):
        found, used = link.batch([("GET", keys.layout()), ("EXISTS", keys.cursor(), keys.runs())])
    if found is None:
        return b"of another system" if used and shard.position else b""
    return bytes(found)
