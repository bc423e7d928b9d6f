"""One connection of the embedded server: bytes in, commands, bytes out, all within limits.

If a peer does not read its replies, its further commands are not run until it does. A subscriber
that does not read its messages is dropped, as in Redis.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from fakeredis._helpers import SimpleError

from .commands import ServerSession
from .gate import Gate
from .replies import encode
from .requests import KNOWN_PEER, ProtocolError, RequestReader

UNSENT_BYTES = 2**20  # with more unsent bytes, the next command waits
UNSENT_MESSAGE_BYTES = 32 * 2**20  # with more unsent bytes, a subscriber is dropped
_CREDENTIALS = struct.Struct("iII")  # process, user, group
# The first words of messages to subscribers. Only protocol 3 marks messages as such.
_PUSHES = (b"message", b"pmessage", b"subscribe", b"unsubscribe", b"psubscribe", b"punsubscribe")


class Peer:
    """A connection: its unread bytes, its unsent bytes, and its client state.

    ``unsent``: the set of peers with unsent bytes; a peer adds itself. ``watched``: the events that
    the loop waits for on its socket. ``is_over``: whether it must be dropped.
    """

    __slots__ = ("client", "gate", "is_over", "out", "reader", "socket", "unsent", "watched")

    def __init__(self, connection: socket.socket, gate: Gate, unsent: set[Peer]) -> None:
        self.socket = connection
        self.gate = gate
        self.reader = RequestReader()
        self.out = bytearray()
        self.unsent = unsent
        self.watched = 0
        self.is_over = False
        self.client: ServerSession

    @property
    def is_full(self) -> bool:
        """Whether too much is unsent to run another command."""
        return len(self.out) > UNSENT_BYTES

    def reply(self, value: Any) -> None:
        """Queue a reply or a pushed message; it is sent before the thread waits again."""
        parts: list[bytes] = []
        encode(value, self.gate.protocol, parts)
        if self.client.is_subscribed:
            if self.gate.protocol == 3 and isinstance(value, list) and value[0] in _PUSHES:
                parts[0] = b">" + parts[0][1:]
            self.is_over = self.is_over or len(self.out) > UNSENT_MESSAGE_BYTES
        self.out += b"".join(parts)
        self.unsent.add(self)

    def feed(self, data: bytes) -> None:
        """Add bytes. Too many of one request end the connection."""
        try:
            self.reader.feed(data)
        except ProtocolError as error:
            self._refuse(error)

    def _refuse(self, error: ProtocolError) -> None:
        self.reply(SimpleError(f"ERR Protocol error: {error}"))
        self.is_over = True

    def run_commands(self) -> None:
        """Run the complete commands, up to one that has to wait.

        Bytes that are not a request are answered with an error, and end the connection.
        """
        while not (self.client.parked or self.is_over or self.is_full):
            try:
                fields = self.reader.next()
            except ProtocolError as error:
                self._refuse(error)
                return
            if fields is None:
                return
            try:
                self.client.execute(fields)
            except Exception as error:  # a bug in a command must not end the server
                self.reply(
                    SimpleError(f"ERR {type(error).__name__} in the embedded server: {error}")
                )
            if self.gate.is_open:
                self.reader.limits = KNOWN_PEER
            self.is_over = self.is_over or self.gate.is_over


def is_same_user(connection: socket.socket) -> bool:
    """Return whether the other end of a unix socket belongs to the user of this process.

    True for a TCP connection, which has no owner, and if the platform does not report the owner.
    """
    if connection.family != getattr(socket, "AF_UNIX", None) or not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.geteuid())
