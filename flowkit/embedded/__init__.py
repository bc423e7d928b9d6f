"""The embedded server: a Redis in memory, in a thread of this process.

It serves ``flowkit run``, ``flowkit dev`` and tests. The daemons connect to it as to a Redis. Its
data is lost when it stops.

It serves one user and flowkit only. It listens on a unix socket in a directory that no other user
can enter, or on a port of 127.0.0.1 if asked to. It answers nothing before its password, which is
new for each start. After that, it answers the commands that flowkit sends, and runs flowkit's own
scripts; everything else is refused by name. It refuses to be started twice.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import ClassVar

from .address import Address, listen, tcp_url
from .commands import ServerSession
from .loop import ServerLoop

_PASSWORD_BYTES = 24


class EmbeddedServer:
    """A Redis in memory. ``with EmbeddedServer() as server: …`` starts and stops it."""

    _client_class: ClassVar[type[ServerSession]] = ServerSession

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        """``port``: the port to listen on, 0 for any free one; None for a unix socket, if the
        platform has them. ``host``: the address of the port. ``warn`` is called, in another thread,
        with problems that the user can fix.
        """
        self._host = host
        self._port = port
        self._warn = warn
        self._password = secrets.token_urlsafe(_PASSWORD_BYTES)
        self._address: Address | None = None
        self._loop: ServerLoop | None = None
        self._pid = os.getpid()

    @property
    def url(self) -> str:
        """The address to connect to, with the password. Show it through ``redact_url``.

        Raises RuntimeError if it is not known before the start.
        """
        if self._address is not None:
            return self._address.url(self._password)
        if self._port:
            return tcp_url(self._host, self._port, self._password)
        raise RuntimeError("the embedded server has not been started, so it has no address yet")

    @property
    def port(self) -> int | None:
        """The port that it listens on, None for a unix socket."""
        return self._port if self._address is None else self._address.port

    def start(self) -> EmbeddedServer:
        """Start to listen. Raises StoreError if that fails, RuntimeError if it is running."""
        if self._loop is not None:
            raise RuntimeError("the embedded server is already running; stop it first")
        self._address = listen(self._host, self._port)
        self._loop = ServerLoop(
            self._address.listener, self._password, self._client_class, self._warn
        )
        self._loop.start()
        self._pid = os.getpid()
        return self

    def stop(self) -> None:
        """Close all connections and drop all data. Stopping a stopped server does nothing.

        In a forked child it does nothing either: the server runs in the parent.
        """
        loop, self._loop = self._loop, None
        address, self._address = self._address, None
        if self._pid != os.getpid():
            return
        if loop is not None:
            loop.stop()
        if address is not None:
            address.close()
            self._password = secrets.token_urlsafe(_PASSWORD_BYTES)

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
