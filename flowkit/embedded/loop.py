"""The embedded server's one thread: connections, replies, and commands that wait.

As in Redis, one thread does everything: it waits for bytes of any connection, runs the commands
that are complete, and looks at parked commands (BLPOP, XREAD BLOCK) only when a key that they name
was written. So nothing polls, and since a connection's end is noticed while its command is parked,
a dead client never takes an element from a list. Among those that wait, the first is served first.

A reply or message is sent before the thread waits again; what a socket does not take is kept, and
sent when it can take more.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import hiredis
from fakeredis._helpers import SimpleError, SimpleString

from .commands import Client, Parked, ScriptEngine, Storage

READ_BYTES = 64 * 1024
SWEEP_S = 30.0  # how often keys whose time is over leave memory, while there is any traffic
# First words of what subscribers are sent; only protocol 3 marks them as no reply to anything.
_PUSHES = (b"message", b"pmessage", b"subscribe", b"unsubscribe", b"psubscribe", b"punsubscribe")


class Peer:
    """One connection: the bytes that came, the bytes that are to go, and its client state."""

    __slots__ = ("client", "out", "reader", "sending", "socket", "unsent")

    def __init__(self, connection: socket.socket, loop: Loop) -> None:
        self.socket = connection
        self.reader: Any = hiredis.Reader()
        self.out = bytearray()
        self.sending = False  # whether the socket took less than it was given
        self.unsent = loop.unsent
        self.client = Client(loop.storage, loop.scripts, self.reply)

    def reply(self, value: Any) -> None:
        """Queue a reply or a pushed message; it is sent before the thread waits again."""
        parts: list[bytes] = []
        _encode(value, self.client.protocol, parts)
        if self.client.takes_pushes and isinstance(value, list) and value and value[0] in _PUSHES:
            parts[0] = b">" + parts[0][1:]
        self.out += b"".join(parts)
        self.unsent.add(self)

    def run_commands(self) -> None:
        """Run what has come in full, up to a command that has to wait."""
        while self.client.parked is None:
            fields = self.reader.gets()
            if fields is False:
                return
            if not isinstance(fields, list):
                raise hiredis.ProtocolError("a command is an array of strings")
            try:
                self.client.execute(fields)
            except Exception as error:  # a flaw of a command must not end the server
                self.reply(
                    SimpleError(f"ERR {type(error).__name__} in the embedded server: {error}")
                )


class Loop(threading.Thread):
    """The server's one thread."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(name="flowkit-embedded", daemon=True)
        self.storage = Storage()
        self.scripts = ScriptEngine()
        self.unsent: set[Peer] = set()
        self._parked: dict[Peer, Parked] = {}  # in the order in which they began to wait
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._waker, woken = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ)
        self._swept = time.monotonic()
        self._going_on = True

    def stop(self) -> None:
        """End the thread, and wait for it."""
        self._going_on = False
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._waker.send(b".")
        self.join()
        self._waker.close()

    def run(self) -> None:
        """Serve until stopped; whatever happens, no connection stays open behind it."""
        try:
            while self._going_on:
                for key, events in self._selector.select(self._until_deadline()):
                    if key.data is not None:
                        self._serve(key.data, events)
                    elif key.fileobj is self._listener:
                        self._accept()
                self._time_out_parked()
                self._wake_parked()
                self._send()
                self._sweep()
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    # -- connections ----------------------------------------------------------------------------

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the peer may have left already
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ, Peer(connection, self))

    def _serve(self, peer: Peer, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self.unsent.add(peer)
        if not events & selectors.EVENT_READ:
            return
        try:
            data = peer.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            peer.reader.feed(data)
            self._run_commands(peer)
        else:
            self._drop(peer)

    def _run_commands(self, peer: Peer) -> None:
        try:
            peer.run_commands()
        except hiredis.ProtocolError as error:
            peer.reply(SimpleError(f"ERR Protocol error: {error}"))
            self._send()
            self._drop(peer)
        if peer.client.parked is not None:
            self._parked[peer] = peer.client.parked

    def _drop(self, peer: Peer) -> None:
        self._parked.pop(peer, None)
        self.unsent.discard(peer)
        if peer.socket.fileno() >= 0:
            self._selector.unregister(peer.socket)
            peer.socket.close()
            peer.client.close()

    def _send(self) -> None:
        while self.unsent:
            peer = self.unsent.pop()
            try:
                del peer.out[: peer.socket.send(peer.out)]
            except BlockingIOError:
                pass
            except OSError:
                self._drop(peer)
                continue
            if bool(peer.out) != peer.sending:
                peer.sending = bool(peer.out)
                write = selectors.EVENT_WRITE if peer.sending else 0
                self._selector.modify(peer.socket, selectors.EVENT_READ | write, peer)

    # -- parked commands ------------------------------------------------------------------------

    def _until_deadline(self) -> float | None:
        deadlines = [one.deadline for one in self._parked.values() if one.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _time_out_parked(self) -> None:
        now = time.monotonic()
        for peer, parked in list(self._parked.items()):
            if parked.deadline is not None and parked.deadline <= now:
                self._answer_parked(peer, parked.timed_out, even_none=True)

    def _wake_parked(self) -> None:
        while self.storage.changed:
            changed = frozenset(self.storage.changed)
            self.storage.changed.clear()
            for peer, parked in list(self._parked.items()):
                if not changed.isdisjoint(parked.fields):
                    self._answer_parked(peer, parked.retry, even_none=False)

    def _answer_parked(self, peer: Peer, find: Callable[[], Any], *, even_none: bool) -> None:
        if peer not in self._parked:  # dropped a moment ago
            return
        try:
            with self.storage.lock:
                answer = find()
        except SimpleError as error:
            answer = error
        if answer is None and not even_none:
            return
        del self._parked[peer]
        peer.client.parked = None
        peer.reply(answer)
        self._run_commands(peer)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept > SWEEP_S:
            self._swept = now
            with self.storage.lock:
                for database in self.storage.dbs.values():
                    len(database)  # fakeredis drops what has expired when it counts


def _encode(value: Any, protocol: int, parts: list[bytes]) -> None:
    """Append a reply's bytes to ``parts``."""
    if value is None:
        parts.append(b"_\r\n" if protocol == 3 else b"$-1\r\n")
    elif isinstance(value, bytes):
        parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
    elif isinstance(value, int):
        parts.append(b":%d\r\n" % value)
    elif isinstance(value, (list, tuple)):
        _encode_items(b"*%d\r\n" % len(value), value, protocol, parts)
    elif isinstance(value, SimpleString):
        parts.append(b"+%b\r\n" % value.value)
    elif isinstance(value, SimpleError):
        text = value.value.replace("\r", " ").replace("\n", " ")
        parts.append(b"-%b\r\n" % text.encode())
    elif isinstance(value, dict):
        flat = [item for pair in value.items() for item in pair]
        head = b"%%%d\r\n" % len(value) if protocol == 3 else b"*%d\r\n" % len(flat)
        _encode_items(head, flat, protocol, parts)
    elif isinstance(value, float) and protocol == 3:
        parts.append(b",%r\r\n" % value)
    else:
        _encode(str(value).encode(), protocol, parts)


def _encode_items(head: bytes, items: Iterable[Any], protocol: int, parts: list[bytes]) -> None:
    parts.append(head)
    for item in items:
        _encode(item, protocol, parts)
