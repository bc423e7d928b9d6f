"""Asking several shards the same thing, so that one that hangs keeps none of the others waiting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .exceptions import RedisUnavailable

One = TypeVar("One")
Answer = TypeVar("Answer")


def ask_at_once(ask: Callable[[One], Answer], of: Sequence[One]) -> list[Answer | RedisUnavailable]:
    """Ask all at the same time, in threads; return the answers, or why there is none, in order.

    Raises what ``ask`` raises besides RedisUnavailable, of the first one that it is true of.
    """

    def one(whom: One) -> Answer | RedisUnavailable:
        try:
            return ask(whom)
        except RedisUnavailable as error:
            return error

    with ThreadPoolExecutor(max(1, len(of)), thread_name_prefix="shard") as threads:
        return list(threads.map(one, of))
