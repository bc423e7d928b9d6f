"""Asking several shards the same thing, so that one that hangs keeps none of the others waiting."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from .exceptions import RedisUnavailable
from .protocol.advice import advice_for
from .protocol.redis_url import redact_url
from .protocol.shards import Shard

Answer = TypeVar("Answer")


def ask_at_once(
    ask: Callable[[Shard], Answer], shards: Sequence[Shard], within: float
) -> list[Answer | RedisUnavailable]:
    """Ask all at the same time; return the answers, or why there is none, in order.

    ``within``: seconds for all of them together. Who has not answered by then is left to itself, in
    a thread that keeps no program from ending. Raises what ``ask`` raises besides RedisUnavailable,
    of the first shard that it is true of.
    """
    come: queue.SimpleQueue[tuple[int, Answer | Exception]] = queue.SimpleQueue()

    def one(at: int, shard: Shard) -> None:
        try:
            come.put((at, ask(shard)))
        except Exception as error:
            come.put((at, error))

    deadline = time.monotonic() + within
    for at, shard in enumerate(shards):
        threading.Thread(target=one, args=(at, shard), name="ask-shard", daemon=True).start()
    found: dict[int, Answer | Exception] = {}
    with suppress(queue.Empty):
        while len(found) < len(shards):
            at, answer = come.get(timeout=max(0.0, deadline - time.monotonic()))
            found[at] = answer
    return [
        _answer(found[at]) if at in found else _late(shard, within)
        for at, shard in enumerate(shards)
    ]


def _answer(found: Answer | Exception) -> Answer | RedisUnavailable:
    if isinstance(found, Exception) and not isinstance(found, RedisUnavailable):
        raise found
    return found


def _late(shard: Shard, within: float) -> RedisUnavailable:
    return RedisUnavailable(
        f"cannot use Redis at {redact_url(shard.url)}: no answer within {within:g} s. "
        f"{advice_for(TimeoutError(), shard.url)}"
    )
