"""The embedded server: a Redis in memory, in a thread of this process.

It serves ``flowkit run``, ``flowkit dev`` and tests: the daemons connect to it as to any Redis, and
its data is gone when it stops.

It asks for no password: whoever can connect can read and write all data. It therefore listens on
127.0.0.1 unless told otherwise. It refuses to be started twice.
"""

from __future__ import annotations

import socket

from ..exceptions import StoreError
from .loop import Loop


class EmbeddedServer:
    """A Redis in memory. ``with EmbeddedServer() as server: …`` starts and stops it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """``port`` 0 takes any free one; it is known once the server is started."""
        self.host = host
        self.port = port
        self._loop: Loop | None = None

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> EmbeddedServer:
        """Listen. Raises StoreError if the address cannot be had, RuntimeError if it runs."""
        if self._loop is not None:
            raise RuntimeError(f"the embedded server at {self.url} runs already; stop it first")
        try:
            listener = socket.create_server((self.host, self.port), backlog=512)
        except OSError as error:
            raise StoreError(
                f"the embedded server cannot listen on {self.host}:{self.port} ({error.strerror}); "
                "choose another port, or 0 for any free one"
            ) from error
        self.port = listener.getsockname()[1]
        self._loop = Loop(listener)
        self._loop.start()
        return self

    def stop(self) -> None:
        """End all connections and forget all data. Stopping a stopped server does nothing."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop()

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
