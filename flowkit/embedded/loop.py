"""The thread of the embedded server: connections, replies, and commands that wait.

As in Redis, one thread does everything. It waits for bytes of any connection, runs complete
commands, and checks parked commands (BLPOP, XREAD BLOCK) only when a key that they name was
written. So nothing polls. The end of a connection is noticed while its command is parked, so a dead
client never takes an element from a list. Waiting commands are served in their order of arrival.

A reply or message is sent before the thread waits again. What a socket does not accept is kept, and
sent later.

A connection without the password yet is a stranger's. The number of strangers is limited, each has
little time, and a new one replaces the oldest.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from fakeredis._helpers import SimpleError

from .commands import Parked, ServerSession, Storage
from .gate import Gate
from .peer import Peer, is_same_user
from .scripts import ScriptEngine

READ_BYTES = 64 * 1024
LONGEST_WAIT_S = 3600.0
SWEEP_S = 30.0  # how often expired keys are removed from memory, while there is traffic
STRANGERS = 64  # connections without a password at a time
STRANGER_S = 10.0  # within which a connection has to give the password
NO_SOCKETS_S = 0.2  # before it accepts again when the process has no free file descriptor


class ServerLoop(threading.Thread):
    """The thread of the server. ``client_class``: holds the state of a connection.

    ``warn`` is called once, in this thread, with a problem that the user can fix.
    """

    def __init__(
        self,
        listener: socket.socket,
        password: str,
        client_class: type[ServerSession],
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(name="flowkit-embedded", daemon=True)
        self.storage = Storage()
        self.scripts = ScriptEngine()
        self.unsent: set[Peer] = set()
        self._password = password
        self._client_class = client_class
        self._parked: dict[Peer, Parked] = {}  # in order of arrival
        self._strangers: dict[Peer, float] = {}  # stranger → deadline, oldest first
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._accepts_at: float | None = None  # when it accepts again; None: now
        self._warn = warn
        self._has_warned = False
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._waker, woken = socket.socketpair()
        self._selector.register(woken, selectors.EVENT_READ)
        self._swept = time.monotonic()
        self._running = True

    def stop(self) -> None:
        """Stop the thread, and wait for its end."""
        self._running = False
        with contextlib.suppress(OSError):  # the thread may have ended already
            self._waker.send(b".")
        self.join()
        self._waker.close()

    def run(self) -> None:
        """Serve until stopped. In any case, close all connections at the end."""
        try:
            while self._running:
                for key, events in self._selector.select(self._until_deadline()):
                    if key.data is not None:
                        self._guarded(key.data, partial(self._serve, events))
                    elif key.fileobj is self._listener:
                        self._accept()
                self._meet_deadlines()
                while self.storage.changed or self.unsent:  # one leads to the other
                    self._wake_parked()
                    self._send()
                self._sweep()
        finally:
            for key in list(self._selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
            self._selector.close()

    # -- connections ----------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the peer has already gone
        except (
            OSError
        ) as error:  # no free file descriptor: the listener would wake the loop forever
            self._warn_once(error)
            self._accepts_at = time.monotonic() + NO_SOCKETS_S
            self._selector.unregister(self._listener)
            return
        try:
            if not is_same_user(connection):
                connection.close()
                return
            connection.setblocking(False)
            if connection.family != getattr(socket, "AF_UNIX", None):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:  # the peer has already gone
            connection.close()
            return
        peer = Peer(connection, Gate(self._password), self.unsent)
        peer.client = self._client_class(self.storage, self.scripts, peer.gate, peer.reply)
        if len(self._strangers) >= STRANGERS:
            self._drop(next(iter(self._strangers)))
        self._strangers[peer] = time.monotonic() + STRANGER_S
        peer.watched = selectors.EVENT_READ
        self._selector.register(connection, peer.watched, peer)

    def _warn_once(self, error: OSError) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        with contextlib.suppress(Exception):  # the user's function must not end the thread
            self._warn(
                "The embedded store cannot accept more connections, so new connections wait "
                f"({error.strerror}). Raise the limit of this process (ulimit -n), or start fewer "
                "workers."
            )

    def _guarded(self, peer: Peer, what: Callable[[Peer], None]) -> None:
        """Serve a peer. An error closes its connection, and does not end the server."""
        try:
            what(peer)
        except Exception:
            self._drop(peer)

    def _serve(self, events: int, peer: Peer) -> None:
        if peer.socket.fileno() < 0:  # just dropped
            return
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
            peer.feed(data)
            self._run_commands(peer)
        else:
            self._drop(peer)

    def _run_commands(self, peer: Peer) -> None:
        peer.run_commands()
        if peer.gate.is_open:
            self._strangers.pop(peer, None)
        if peer.client.parked is not None:
            self._parked[peer] = peer.client.parked
        if peer.is_over:
            self._send_to(peer)

    def _drop(self, peer: Peer) -> None:
        self._parked.pop(peer, None)
        self._strangers.pop(peer, None)
        self.unsent.discard(peer)
        if peer.socket.fileno() >= 0:
            self._selector.unregister(peer.socket)
            peer.socket.close()
            peer.client.close()

    def _send(self) -> None:
        while self.unsent:
            self._guarded(self.unsent.pop(), self._send_to)

    def _send_to(self, peer: Peer) -> None:
        was_full = peer.is_full
        try:
            del peer.out[: peer.socket.send(peer.out)]
        except BlockingIOError:
            pass
        except OSError:
            peer.is_over = True
        if peer.is_over:  # it has had its last reply
            self._drop(peer)
            return
        # While it is full, it is not read: further requests wait in the socket.
        wanted = (0 if peer.is_full else selectors.EVENT_READ) | (
            selectors.EVENT_WRITE if peer.out else 0
        )
        if wanted != peer.watched:
            peer.watched = wanted
            self._selector.modify(peer.socket, wanted, peer)
        if was_full and not peer.is_full:
            self._run_commands(peer)

    # -- deadlines and parked commands ----------------------------------------------------------

    def _until_deadline(self) -> float | None:
        deadlines = [park.deadline for park in self._parked.values() if park.deadline is not None]
        if self._strangers:
            deadlines.append(next(iter(self._strangers.values())))
        if self._accepts_at is not None:
            deadlines.append(self._accepts_at)
        if not deadlines:
            return None
        # A client may ask for a longer wait than a selector accepts.
        return min(max(0.0, min(deadlines) - time.monotonic()), LONGEST_WAIT_S)

    def _meet_deadlines(self) -> None:
        now = time.monotonic()
        for peer, parked in list(self._parked.items()):
            if parked.deadline is not None and parked.deadline <= now:
                self._answer_parked(peer, parked.timed_out, even_none=True)
        for peer in [peer for peer, deadline in self._strangers.items() if deadline <= now]:
            self._drop(peer)
        if self._accepts_at is not None and self._accepts_at <= now:
            self._accepts_at = None
            self._selector.register(self._listener, selectors.EVENT_READ)

    def _wake_parked(self) -> None:
        while self.storage.changed:
            changed = frozenset(self.storage.changed)
            self.storage.changed.clear()
            for peer, parked in list(self._parked.items()):
                if not changed.isdisjoint(parked.fields):
                    self._answer_parked(peer, parked.retry, even_none=False)

    def _answer_parked(self, peer: Peer, find: Callable[[], Any], *, even_none: bool) -> None:
        if peer not in self._parked:  # just dropped
            return
        try:
            with self.storage.lock:
                answer = find()
        except SimpleError as error:
            answer = error
        except Exception as error:  # a bug in a command must not end the server
            answer = SimpleError(f"ERR {type(error).__name__} in the embedded server: {error}")
        if answer is None and not even_none:
            return
        del self._parked[peer]
        peer.client.parked = None
        peer.reply(answer)
        self._guarded(peer, self._run_commands)

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept > SWEEP_S:
            self._swept = now
            with self.storage.lock:
                for database in self.storage.dbs.values():
                    len(database)  # fakeredis drops what has expired when it counts
