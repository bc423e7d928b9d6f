"""Asking several shards at the same time, so that a shard that hangs does not delay the others."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from ..configuration.redis_url import redact_url
from ..configuration.shards import Shard
from ..exceptions import RedisUnavailable
from .advice import advice_for

Answer = TypeVar("Answer")


def ask_at_once(
    ask: Callable[[Shard], Answer], shards: Sequence[Shard], within: float
) -> list[Answer | RedisUnavailable]:
    """Ask all shards at the same time; return the answers, or why there is none, in order.

    ``within``: seconds for all shards together. After that, a shard that has not answered is left
    to a thread that does not keep the program from exiting. If ``ask`` raises anything other than
    RedisUnavailable, the error of the first such shard is raised.
    """
    arrived: queue.SimpleQueue[tuple[int, Answer | Exception]] = queue.SimpleQueue()

    def ask_one(at: int, shard: Shard) -> None:
        try:
            arrived.put((at, ask(shard)))
        except Exception as error:
            arrived.put((at, error))

    deadline = time.monotonic() + within
    for at, shard in enumerate(shards):
        threading.Thread(target=ask_one, args=(at, shard), name="ask-shard", daemon=True).start()
    answers: dict[int, Answer | Exception] = {}
    with suppress(queue.Empty):
        while len(answers) < len(shards):
            at, answer = arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            answers[at] = answer
    return [
        _checked(answers[at]) if at in answers else _late(shard, within)
        for at, shard in enumerate(shards)
    ]


def _checked(answer: Answer | Exception) -> Answer | RedisUnavailable:
    if isinstance(answer, Exception) and not isinstance(answer, RedisUnavailable):
        raise answer
    return answer


def _late(shard: Shard, within: float) -> RedisUnavailable:
    return RedisUnavailable(
        f"cannot use Redis at {redact_url(shard.url)}: no answer within {within:g} s. "
        f"{advice_for(TimeoutError(), shard.url)}"
    )
