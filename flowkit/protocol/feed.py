"""Listening to the progress and the end of one run, which the scheduler publishes.

A message is a hint to read the record, never the state itself. If the connection breaks, waiting
becomes a plain pause, and the caller keeps polling.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import redis.exceptions as rx

from .connection import READ_TIMEOUT_S, KernelTimedSocket, new_connection
from .keys import Keys
from .limits import MAX_MESSAGE_BYTES
from .reply_bound import ReplyBound, ReplyTooLarge

BROKEN = (rx.RedisError, OSError, ReplyTooLarge)


class Feed:
    """A connection that listens to one run's channel at a time. Not thread-safe."""

    def __init__(self, url: str, namespace: str, *, read_timeout: float = READ_TIMEOUT_S) -> None:
        """The first ``listen`` opens the connection and waits up to ``read_timeout`` seconds if
        Redis hangs."""
        self._url = url
        self._read_timeout = read_timeout
        self._keys = Keys(namespace)
        self._open()

    def _open(self) -> None:
        self._connection = new_connection(
            self._url, name="flowkit-feed", read_timeout=self._read_timeout
        )
        self._bound = ReplyBound(self._connection, MAX_MESSAGE_BYTES)
        self._pid = os.getpid()
        self._listening = False

    def _leave_to_parent(self) -> None:
        """In a forked child, open a new connection: the parent reads from the old one."""
        if self._pid != os.getpid():
            self._open()

    def listen(self, run: str) -> None:
        """Subscribe to a run. When this returns, no later message is missed."""
        self._leave_to_parent()
        channel = self._keys.feed(run)
        try:
            self._connection.send_command("SUBSCRIBE", channel)
            self._wait_at_most(self._read_timeout)
            # The first messages belong to the previous run, also the end of its subscription.
            subscribed = [b"subscribe", channel.encode()]
            while self._next_message()[:2] != subscribed:
                pass
            self._listening = True
        except BROKEN:
            self._connection.disconnect()

    def leave(self) -> None:
        """Unsubscribe without waiting for the reply, so that ``listen`` can take another run."""
        self._leave_to_parent()
        listening, self._listening = self._listening, False
        with suppress(*BROKEN):
            if listening:
                self._connection.send_command("UNSUBSCRIBE")
            return
        self._connection.disconnect()

    def close(self) -> None:
        """Close the connection."""
        self._leave_to_parent()
        self._connection.disconnect()

    def next(self, seconds: float) -> None:
        """Return when a message was published, after ``seconds`` at the latest."""
        self._leave_to_parent()
        began = time.monotonic()
        with suppress(*BROKEN):
            if self._listening:
                self._bound.fed = 0
                self._read_within(seconds)
                return
        self._listening = False
        self._connection.disconnect()
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))

    def _read_within(self, seconds: float) -> None:
        """Read one message if it begins to arrive within ``seconds``."""
        if self._wait_at_most(seconds):
            with suppress(
                rx.TimeoutError
            ):  # the received part of a message is kept for the next call
                self._connection.read_response(disconnect_on_error=False)
        elif self._connection.can_read(timeout=seconds):
            self._connection.read_response()

    def _wait_at_most(self, seconds: float) -> bool:
        """Limit the time of reads; return False if the socket does not support it."""
        timed = self._connection._sock
        if not isinstance(timed, KernelTimedSocket):
            return False
        timed.wait_at_most(seconds)
        return True

    def _next_message(self) -> Any:
        self._bound.fed = 0
        return self._connection.read_response()
