"""A client's connections to all shards: reaching one, and reading from each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..exceptions import NotPermitted
from ..protocol.ask_all import ask_at_once
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from .shard import SOON_S, ShardConnection

T = TypeVar("T")
LOOK_AGAIN_S = 0.2


def reach_one(shards: Sequence[ShardConnection], patience: float) -> None:
    """Wait until one of the shards answers. The others are connected when they are needed.

    ``patience``: seconds to try. A shard that hangs gets ``SOON_S`` of them. Raises UnfitRedis,
    WrongShards, and RedisUnavailable if no shard answers.
    """
    if len(shards) == 1:
        shards[0].check()
        return
    deadline = time.monotonic() + patience
    while True:
        places = [connection.shard for connection in shards]
        answers = ask_at_once(lambda shard: shards[shard.position].look(), places, SOON_S)
        away = [answer for answer in answers if answer is not None]
        if len(away) < len(shards):
            return
        if time.monotonic() >= deadline:
            raise away[0]
        time.sleep(LOOK_AGAIN_S)


def gather(
    shards: Sequence[ShardConnection],
    read: Callable[[ClientStore], Listing[T]],
    time_of: Callable[[T], Any],
    limit: int,
) -> Listing[T]:
    """Return at most ``limit`` items of all shards, newest first.

    ``read`` returns one item more than the limit, if there are so many, so that ``more`` of the
    list is known. ``time_of``: the time of an item, or what orders items.
    """
    items: Listing[T] = Listing()
    for shard in shards:
        with shard.store() as store:
            items.take(read(store))
    if len(shards) > 1:
        items.sort(key=time_of, reverse=True)
    items.cut(limit)
    return items


def count_runs(shards: Sequence[ShardConnection]) -> int | None:
    """Return how many runs there are, None without the right to count them."""
    total = 0
    for shard in shards:
        with shard.store() as store:
            try:
                total += store.count_runs()
            except NotPermitted:
                return None
    return total


def answering_first(shards: Iterable[ShardConnection]) -> list[ShardConnection]:
    """Return the shards in their order, but those that have never answered last.

    So a search for a run waits for them only if no other shard has it.
    """
    return sorted(shards, key=lambda shard: not shard.has_answered)
