"""Check a list of shards that is longer than before, once, before any scheduler leads with it.

The scheduler stores the list, and a shorter list cannot undo that. The script of each shard
sees only its own shard. So a mistake (a wrong order, a shard of another system in the list) would
be recorded in the shards that it fits before the others refuse it. An empty, wrong Redis at the end
of the list cannot be distinguished from a new shard.

The shards are asked one after the other, without threads, because the parent forks afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from flowkit.configuration.shards import Shard
from flowkit.exceptions import RedisUnavailable, WrongShards
from flowkit.protocol.decoding import text_of
from flowkit.protocol.keys import Keys
from flowkit.protocol.link import Link
from flowkit.protocol.shard_positions import read_shard_position, wrong_shards

SOON_S = 2.0
SHOWN = 40  # characters shown of an invalid shard position


def check_growth(shards: Sequence[Shard]) -> None:
    """Check the list if it is longer than before.

    Raises WrongShards if it is not the old list with new shards at its end, and RedisUnavailable if
    a shard that does not answer leaves that open.
    """
    if len(shards) < 2:
        return  # it cannot be longer than before
    stored: dict[Shard, bytes] = {}
    away: RedisUnavailable | None = None
    for shard in shards:
        try:
            stored[shard] = _stored_position(shard)
        except RedisUnavailable as error:
            away = away or error
    positions = {shard: read_shard_position(text) for shard, text in stored.items()}
    if not any(read and read.count < len(shards) for read in positions.values()):
        return  # as long as before, or new; each shard refuses another position by itself
    for shard, read in positions.items():
        if stored[shard] and (read is None or read.position != shard.position):
            shown = read.place if read else text_of(stored[shard])[:SHOWN]
            raise WrongShards(wrong_shards(shard.url, shard.namespace, shard.shard_position, shown))
    if away is not None:
        raise RedisUnavailable(
            "the list of Redis URLs is longer than before, so all of its shards have to answer "
            f"once: {away}"
        )


def _stored_position(shard: Shard) -> bytes:
    """Return the value of the key ``layout`` on the shard, b"" without one."""
    keys = Keys(shard.namespace)
    link = Link(shard.url, name="flowkit-scheduler", patience=0.0, read_timeout=SOON_S)
    with closing(link):
        stored, used = link.batch([("GET", keys.layout()), ("EXISTS", keys.cursor(), keys.runs())])
    if stored is None:
        return b"of another system" if used and shard.position else b""
    return bytes(stored)
