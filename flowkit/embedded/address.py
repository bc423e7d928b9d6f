"""The address of the embedded server: a unix socket that only this user can reach, or a port.

The socket is in its own directory with mode 0700. Its path must fit into the 104 bytes that systems
allow. If it does not fit in the directory for temporary files, /tmp is used. If that does not help
either, or the platform has no unix sockets, a free port of 127.0.0.1 is used. The directory is
removed when the server stops; a process that is killed leaves it behind, with the dead socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from dataclasses import dataclass
from urllib.parse import quote

from ..exceptions import StoreError

BACKLOG = 512
PATH_BYTES = 103  # of a socket, without the byte that ends it; 107 on Linux
SHORT_FOLDER = "/tmp"  # noqa: S108
SOCKET_NAME = "redis.sock"


@dataclass(frozen=True, slots=True)
class Address:
    """A listening socket. ``port``: of a TCP socket; ``path``: of a unix socket."""

    listener: socket.socket
    host: str = ""
    port: int | None = None
    path: str | None = None

    def url(self, password: str) -> str:
        """Return the URL for a client, with the password."""
        return (
            tcp_url(self.host, self.port, password)
            if self.path is None
            else (f"unix://:{password}@{quote(self.path)}")
        )

    def close(self) -> None:
        """Stop listening, and remove the socket and its folder."""
        self.listener.close()
        if self.path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(self.path))


def tcp_url(host: str, port: int | None, password: str) -> str:
    """Return the URL of a port."""
    return f"redis://:{password}@{host}:{port}/0"


def listen(host: str, port: int | None) -> Address:
    """Listen on a port of a host, 0 for any free one; None for a unix socket, if the platform has
    them.

    Raises StoreError if that fails.
    """
    if port is None:
        for folder in (None, SHORT_FOLDER):
            address = _listen_in(folder)
            if address is not None:
                return address
    try:
        listener = socket.create_server((host, port or 0), backlog=BACKLOG)
    except OSError as error:
        raise StoreError(
            f"the embedded server cannot listen on {host}:{port} ({error.strerror}); "
            "choose another port, or 0 for any free one"
        ) from error
    return Address(listener, host, listener.getsockname()[1])


def _listen_in(parent: str | None) -> Address | None:
    """Listen on a unix socket in a new directory. Return None if that fails."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    try:
        folder = tempfile.mkdtemp(prefix="flowkit-", dir=parent)  # with mode 0700
    except OSError:
        return None
    path = os.path.join(folder, SOCKET_NAME)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if len(os.fsencode(path)) > PATH_BYTES:
            raise OSError("the path of the socket is too long")
        listener.bind(path)
        listener.listen(BACKLOG)
    except OSError:
        Address(listener, path=path).close()
        return None
    return Address(listener, path=path)
