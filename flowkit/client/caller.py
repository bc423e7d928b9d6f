"""Who submits, cancels and resumes runs: ``USER@HOST via CHANNEL``.

It is shown in the history of a run, for people. It is what this process says of itself: anyone who
may write to Redis can write anything there, so it proves nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from ..context import attempt_fields

MAX_PART = 64  # characters of a user's or a host's name
_channel = "api"
_asked: ContextVar[tuple[str, str] | None] = ContextVar("asked", default=None)  # person, channel


@contextmanager
def calling_through(channel: str) -> Iterator[None]:
    """Name the program that makes the calls of this process within the block, such as ``cli``."""
    global _channel
    before, _channel = _channel, channel
    try:
        yield
    finally:
        _channel = before


@contextmanager
def calling_for(person: str, channel: str) -> Iterator[None]:
    """Name who asked for the calls within the block, in this thread or coroutine alone.

    ``person``: the name, empty for the account of this process. ``channel``: such as ``dashboard``.
    """
    before = _asked.set((person, channel))
    try:
        yield
    finally:
        _asked.reset(before)


def caller() -> str:
    """Return who calls: user, host, and the program, or the task that makes the call."""
    asked = _asked.get()
    if asked is not None:
        person, channel = asked
        return f"{_at_host(person) if person else _account()} via {channel}"
    attempt = attempt_fields()
    if attempt is None:
        return f"{_account()} via {_channel}"
    return f"{_account()} via task {_plain(attempt[1])} of run {_plain(attempt[0], 128)}"


@cache
def _account() -> str:
    return _at_host(_user())


def _at_host(user: str) -> str:
    return f"{_plain(user)}@{_plain(socket.gethostname())}"


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # not on this system, or an account without a name
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _plain(text: str, most: int = MAX_PART) -> str:
    """Return a name as printable ASCII of bounded length."""
    return "".join(char if "!" <= char <= "~" else "?" for char in text[:most]) or "?"
