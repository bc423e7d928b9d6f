"""What an error of the connection or of a reply means: whether it passes, and if not, what it is.

Everything here is about one question of the Link: try again, or say what is wrong. It connects to
nothing.
"""

from __future__ import annotations

import re

import redis.exceptions as rx

from ..exceptions import NotPermitted, RedisUnavailable, StoreError
from .decoding import Damaged
from .oversize import is_too_large, too_large

# What may pass by itself: no connection, a server that loads, fails over, is full or read-only.
PASSING = (
    rx.ConnectionError,
    rx.TimeoutError,
    rx.OutOfMemoryError,
    rx.ReadOnlyError,
    rx.TryAgainError,
    rx.InvalidResponse,  # something else than Redis answers
    OSError,
)
_PASSING_WORDS = ("MISCONF", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "BUSY ")
# Before 7.0 Redis wraps the error of a script's command in "Error running script …: -WORD …".
_PASSING_IN_SCRIPT = re.compile(
    r"^Error running script .{0,200}: -(OOM|READONLY|MISCONF|NOREPLICAS) "
)
# In a script, Redis 6.2 says in words that the user lacks a right.
_FORBIDDEN = re.compile(r"\bNOPERM\b|The user executing the script can't")


class WrongType(Damaged):
    """A key under a name of ours holds another type of value than flowkit writes there."""


def passes(error: rx.ResponseError) -> bool:
    """Return whether an error reply may be another one in a minute."""
    text = str(error)
    return text.startswith(_PASSING_WORDS) or _PASSING_IN_SCRIPT.match(text) is not None


def refused_login(where: str, error: Exception) -> RedisUnavailable:
    """Return the error for a login that Redis does not accept. ``where``: the address as shown."""
    return RedisUnavailable(
        f"Redis at {where} refused the login: {error}. "
        "Write the URL as redis://USER:PASSWORD@HOST:PORT/DB"
    )


def as_store_error(where: str, error: rx.ResponseError) -> StoreError:
    """Return what an error reply that will not pass means. ``where``: the address as shown."""
    text = str(error)
    if isinstance(error, rx.NoPermissionError) or _FORBIDDEN.search(text):
        return NotPermitted(
            f"Redis at {where} does not allow this: {text.rstrip('. ')}. Give the user "
            "of this URL the commands, keys and channels that its role needs: see "
            "docs/howto/secure-redis.md"
        )
    if text.startswith("NOAUTH"):
        return refused_login(where, error)
    if is_too_large(text):
        return too_large(where, text)
    # Before 7.0 a script's error stands behind "Error running script".
    kind = WrongType if "WRONGTYPE" in text[:300] else StoreError
    return kind(f"Redis at {where} answered: {error}")
