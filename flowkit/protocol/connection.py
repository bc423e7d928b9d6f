"""Connections to Redis: opened by redis-py, with a socket that suits the Link.

The socket discards undelivered data when it is closed, and leaves timeouts to the kernel if it can.
redis-py does the rest (addresses, TLS, passwords, the handshake). This module sends nothing.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

import redis
from redis.connection import HiredisRespSerializer

try:
    from hiredis import pack_command
except ImportError:  # flowkit requires it; only what it is worth is measured without
    pack_command = None

from ..configuration.redis_url import check_redis_url, is_sentinel_url, redact_url
from ..exceptions import BadRedisURL
from .sentinel import connection_to_master
from .tls import check_certificates, is_encrypted
from .url_options import option_problem

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0

_DROP_UNSENT = struct.pack("ii", 1, 0)  # SO_LINGER with a timeout of 0


class KernelTimedSocket(socket.socket):
    """A socket whose timeouts are enforced by the kernel (SO_RCVTIMEO, SO_SNDTIMEO).

    A timeout of Python needs a poll before each send and each receive. Without it, a round trip
    takes two system calls instead of four, and a wait wakes the process once: about 15 µs less of
    60 on a local connection.
    """

    _seconds = 0.0

    @classmethod
    def taking(cls, opened: socket.socket, seconds: float) -> KernelTimedSocket:
        """Take over an open socket; each send and receive may last ``seconds``."""
        timed = cls(fileno=opened.detach())
        timed.settimeout(None)
        timed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(seconds))
        timed.wait_at_most(seconds)
        return timed

    def wait_at_most(self, seconds: float) -> None:
        """Make each receive raise TimeoutError after ``seconds``."""
        if seconds != self._seconds:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(seconds))
            self._seconds = seconds

    def recv_into(self, *args: Any) -> int:
        """Receive bytes into a buffer. Raises TimeoutError."""
        try:
            return super().recv_into(*args)
        except BlockingIOError:
            raise TimeoutError("timed out") from None

    def sendall(self, *args: Any) -> None:
        """Send all bytes. Raises TimeoutError."""
        try:
            super().sendall(*args)
        except BlockingIOError:
            raise TimeoutError("timed out") from None


class _Packer(HiredisRespSerializer):
    """Packs commands with hiredis only.

    redis-py first checks each argument for types that flowkit does not send and for command names
    of two words, which are two arguments here. That took longer than the packing.
    """

    def pack(self, *args: Any) -> list[bytes]:
        """Return a command in the protocol of Redis. Raises redis.DataError."""
        try:
            return [pack_command(args)]
        except TypeError:
            packed: list[bytes] = super().pack(*args)
            return packed


def new_connection(url: str, *, name: str, read_timeout: float) -> Any:
    """Return an unopened connection of redis-py. ``read_timeout`` is in seconds.

    Raises BadRedisURL.
    """
    options: dict[str, Any] = {
        "protocol": 2,
        "client_name": name,
        "socket_timeout": read_timeout,
    }
    if pack_command is not None:
        options["command_packer"] = _Packer()
    if not url.startswith("unix:"):
        soon = min(CONNECT_TIMEOUT_S, read_timeout)
        options |= {"socket_connect_timeout": soon, "socket_keepalive": True}
    try:
        if is_sentinel_url(check_redis_url(url)):
            return _with_socket_of_ours(connection_to_master(url, options, check_certificates))
        pool = redis.ConnectionPool.from_url(url, **options)
        if is_encrypted(url):
            check_certificates(url, pool.connection_kwargs)
        return _with_socket_of_ours(pool.make_connection())
    except (ValueError, TypeError) as error:
        why = option_problem(url, error)
        raise BadRedisURL(f"{redact_url(url)!r} is not a Redis URL: {why}") from None


def _with_socket_of_ours(connection: Any) -> Any:
    """Make a connection open its sockets with our options, and return it.

    A closed socket discards undelivered data: a call that fails is sent again over a new
    connection, and other calls after it. If the network recovers later, the kernel must not deliver
    the first copy after those.
    """
    connect = connection._connect

    def connect_our_way() -> Any:
        opened = connect()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
        return _kernel_timed(opened)

    connection._connect = connect_our_way
    return connection


def _kernel_timed(opened: Any) -> Any:
    """Return the socket with its timeout enforced by the kernel, if it is a plain system socket.

    A TLS socket does not report such a timeout, and sockets of gevent or eventlet never wait in the
    kernel: they are not changed.
    """
    seconds = opened.gettimeout()
    if type(opened) is not _SYSTEM_SOCKET or seconds is None or sys.platform == "win32":
        return opened
    return KernelTimedSocket.taking(opened, seconds)


def _timeval(seconds: float) -> bytes:
    micros = max(1, int(seconds * 1e6))  # 0 would disable the timeout
    return struct.pack("ll", *divmod(micros, 1_000_000))


# None if the class was replaced before this module was imported.
_SYSTEM_SOCKET = socket.socket if socket.socket.__module__ == "socket" else None
