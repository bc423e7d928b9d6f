"""Requests that a server refuses because of their size.

Redis accepts values of up to ``proto-max-bulk-len``; managed services and proxies often accept
less. Some reply with an error. Others, and Redis itself while the request is being sent, only close
the connection, which looks like an outage; the request would then be retried forever. So if a large
request breaks its connection, a small one is sent over a new connection. If the small one succeeds
several times in a row, the size is the cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import redis.exceptions as rx

from ..exceptions import StoreError

SUSPICIOUS_BYTES = 64 * 1024  # no known server has a lower limit
MOST_REFUSALS = 4
Exchange = Callable[[Sequence[object]], object]
_TOO_LARGE = re.compile(
    r"invalid (multi)?bulk length|too big (m?bulk|inline)|max request size exceeded"
    r"|(request|command|payload|value) (is )?too (large|big)",
    re.IGNORECASE,
)


class RequestTooLarge(StoreError):
    """The server refuses a request or a value of this size."""


def is_too_large(reply: str) -> bool:
    """Return whether an error reply refuses a request because of its size."""
    return _TOO_LARGE.search(reply) is not None


def too_large(where: str, why: str) -> RequestTooLarge:
    """Return the error for a refused request. ``where``: the address as shown."""
    return RequestTooLarge(
        f"Redis at {where} refuses a request of this size: {why.rstrip('. ')}. Keep the data in a "
        "file or an object store and pass its address, or raise the server's limit "
        "(proto-max-bulk-len of Redis)"
    )


def size_of(words: Sequence[object]) -> int:
    """Return the approximate size in bytes of a command or a batch of commands."""
    total = 0
    for word in words:
        if isinstance(word, (bytes, str)):
            total += len(word)
        elif isinstance(word, (list, tuple)):
            total += size_of(word)
    return total


def looks_refused(error: Exception, words: Sequence[object], exchange: Exchange) -> bool:
    """Return whether a call that broke its connection may have been too large.

    True if it was large and ``exchange``, which sends one command, gets a reply to a small one.
    """
    # Not its subclasses: they have other causes, such as a server that is loading.
    if type(error) is not rx.ConnectionError or size_of(words) < SUSPICIOUS_BYTES:
        return False
    try:
        exchange(("INFO", "server"))
    except rx.ResponseError:
        return True
    except (rx.RedisError, OSError):
        return False
    return True
