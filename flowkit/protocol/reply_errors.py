"""The meaning of connection errors and error replies.

The Link uses it to decide between a retry and an error message. This module connects to nothing.
"""

from __future__ import annotations

import re

import redis.exceptions as rx

from ..basics.pages import SECURE_REDIS, page
from ..exceptions import NotPermitted, RedisUnavailable, StoreError
from .decoding import CorruptData
from .oversize import is_too_large, too_large

# Temporary errors: no connection, a server that loads, fails over, is full or read-only.
PASSING = (
    rx.ConnectionError,
    rx.TimeoutError,
    rx.OutOfMemoryError,
    rx.ReadOnlyError,
    rx.TryAgainError,
    rx.InvalidResponse,  # the reply of another program than Redis
    OSError,
)
_PASSING_WORDS = ("MISCONF", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "BUSY ")
# Before 7.0 Redis wraps the error of a script's command in "Error running script …: -WORD …".
_PASSING_IN_SCRIPT = re.compile(
    r"^Error running script .{0,200}: -(OOM|READONLY|MISCONF|NOREPLICAS) "
)
# In a script, Redis 6.2 describes the missing permission in words.
_FORBIDDEN = re.compile(r"\bNOPERM\b|The user executing the script can't")
_SCRIPT_DENIAL = re.compile(r"The user executing the script can't (run|access|publish)")
_SCRIPT_MAY_NOT = {
    "run": "run a command that it needs",
    "access": "access a key that it needs",
    "publish": "publish to a channel that it needs",
}
# The user in an address as it is shown: redis://USER:***@HOST.
_USER_SHOWN = re.compile(r"//([^:@/]+):\*\*\*@")
_LOGIN_ADVICE = (
    (
        "without any password configured",
        "It has no password for this user: omit it from the "
        "URL, or write its user too, as redis://USER:PASSWORD@HOST:PORT/DB",
    ),
    ("required", "Write the URL with a password, as redis://USER:PASSWORD@HOST:PORT/DB"),
    (
        "",
        "Check user and password in the URL, redis://USER:PASSWORD@HOST:PORT/DB; one that 'flowkit "
        "dev' has printed is valid until it ends",
    ),
)


class WrongType(CorruptData):
    """A key of flowkit holds a value of the wrong type."""


def passes(error: rx.ResponseError) -> bool:
    """Return whether an error reply is temporary."""
    text = str(error)
    return text.startswith(_PASSING_WORDS) or _PASSING_IN_SCRIPT.match(text) is not None


def refused_login(where: str, error: Exception) -> RedisUnavailable:
    """Return the error for a rejected login. ``where``: the address as shown."""
    text = str(error)
    advice = next(advice for words, advice in _LOGIN_ADVICE if words in text)
    return RedisUnavailable(
        f"Redis at {where} refused the login: {text.rstrip('. ')}{'' if text[-1:] == '?' else '.'} "
        f"{advice}"
    )


def not_permitted(where: str, text: str) -> NotPermitted:
    """Return the error for a missing permission. ``where``: the address as shown.

    ``text``: the reply of Redis. The script and its digest are omitted, since they do not help.
    """
    from .roles import ROLES  # takes a millisecond to import, and few processes need it

    script = _SCRIPT_DENIAL.search(text)
    what = f"a script may not {_SCRIPT_MAY_NOT[script[1]]}" if script else text.rstrip(". ")
    user = _USER_SHOWN.search(where)
    role = next((other.name for other in ROLES if user and user[1].endswith(other.name)), None)
    if user is None or role is None:
        advice = "Give the user of this URL the commands, keys and channels that its role needs"
    else:
        advice = (
            f"By its name, {user[1]!r} is the user of the role {role!r}. Use the user of the role "
            "that this program has, or give it all rights of its role"
        )
    rules = page(SECURE_REDIS, "a-user-for-each-role")
    return NotPermitted(f"Redis at {where} does not allow this: {what}. {advice}: see {rules}")


def as_store_error(where: str, error: rx.ResponseError) -> StoreError:
    """Return the error for a permanent error reply. ``where``: the address as shown."""
    text = str(error)
    if isinstance(error, rx.NoPermissionError) or _FORBIDDEN.search(text):
        return not_permitted(where, text)
    if text.startswith("NOAUTH"):
        return refused_login(where, error)
    if is_too_large(text):
        return too_large(where, text)
    # Before 7.0, the error of a script follows "Error running script".
    kind = WrongType if "WRONGTYPE" in text[:300] else StoreError
    return kind(f"Redis at {where} answered: {error}")
