"""Listening to many runs over one connection, for programs that wait for many of them.

A message is a hint to read the record of a run, and so is the reply to a subscription: whatever
happens after it is not missed. If the connection breaks, ``is_open`` becomes false, and the caller
polls until ``open`` succeeds.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterable
from contextlib import suppress

from .connection import new_connection
from .feed import BROKEN
from .keys import Keys
from .limits import MAX_MESSAGE_BYTES
from .reply_bound import ReplyBound

CHANNELS_AT_ONCE = 1000  # in one command


class SharedFeed:
    """One connection, used by one thread; any thread may call ``wake``."""

    def __init__(self, url: str, namespace: str, *, read_timeout: float) -> None:
        """Do not connect yet. ``read_timeout``: seconds to wait for Redis if it hangs."""
        self._keys = Keys(namespace)
        self._connection = new_connection(url, name="flowkit-feed", read_timeout=read_timeout)
        self._bound = ReplyBound(self._connection, MAX_MESSAGE_BYTES)
        self._runs: dict[bytes, str] = {}  # by channel
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self.is_open = False

    def open(self) -> None:
        """Connect, and subscribe to all runs again; ``is_open`` says whether that succeeded."""
        with suppress(*BROKEN):
            self._connection.connect()
            self.is_open = True
            self._send("SUBSCRIBE", list(self._runs))
            return
        self._break()

    def listen(self, runs: Iterable[str]) -> None:
        """Subscribe to runs. Each is returned by ``changed`` when the subscription is valid."""
        added = {self._keys.feed(run).encode(): run for run in runs}
        self._runs |= added
        self._try_to_send("SUBSCRIBE", list(added))

    def leave(self, runs: Iterable[str]) -> None:
        """Unsubscribe from runs."""
        channels = [self._keys.feed(run).encode() for run in runs]
        for channel in channels:
            self._runs.pop(channel, None)
        self._try_to_send("UNSUBSCRIBE", channels)

    def changed(self, seconds: float) -> set[str]:
        """Return the runs with messages; wait up to ``seconds`` for some, or for ``wake``."""
        runs = self._arrived()
        if not runs:
            with selectors.DefaultSelector() as selector:
                selector.register(self._woken, selectors.EVENT_READ)
                if self.is_open:
                    selector.register(self._connection._sock, selectors.EVENT_READ)
                selector.select(seconds)
            with suppress(BlockingIOError):
                while self._woken.recv(1024):
                    pass
            runs = self._arrived()
        return runs

    def wake(self) -> None:
        """End a wait in ``changed``."""
        with suppress(BlockingIOError, OSError):  # full: it will wake anyway
            self._wake.send(b"1")

    def close(self) -> None:
        """Close the connection for good."""
        self._break()
        self._woken.close()
        self._wake.close()

    def _arrived(self) -> set[str]:
        """Return the runs whose messages have arrived."""
        runs: set[str] = set()
        try:
            while self.is_open and self._connection.can_read(timeout=0):
                self._bound.fed = 0
                _, channel, *_ = self._connection.read_response()
                if channel in self._runs:
                    runs.add(self._runs[channel])
        except (*BROKEN, TypeError, ValueError):  # the last two: no reply of a subscription
            self._break()
        return runs

    def _try_to_send(self, command: str, channels: list[bytes]) -> None:
        try:
            if self.is_open:
                self._send(command, channels)
        except BROKEN:
            self._break()

    def _send(self, command: str, channels: list[bytes]) -> None:
        for at in range(0, len(channels), CHANNELS_AT_ONCE):
            self._connection.send_command(command, *channels[at : at + CHANNELS_AT_ONCE])

    def _break(self) -> None:
        self.is_open = False
        self._connection.disconnect()
