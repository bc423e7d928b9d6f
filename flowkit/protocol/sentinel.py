"""Finding the master of a Redis that Sentinel watches, anew for each connection.

``redis+sentinel://user:password@host:26379,host2/mymaster/0``: the hosts are sentinels, what
follows is the name under which they know the master, and the database. User and password are the
master's; those of the sentinels are ``?sentinel_username=…&sentinel_password=…``. With
``rediss+sentinel://`` both are spoken to over TLS; the certificate of a sentinel must name its host
in the URL, that of the master the address that the sentinel tells (tls.py). All other options are
those of redis-py's URLs.

Nobody listens for a failover: the old master goes away or becomes read-only, the connection
breaks, and the next try asks again. A sentinel may be behind, so whoever it names is asked for its
role: a replica is refused, since it may lack what was written just now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import redis
import redis.exceptions as rx
from redis.connection import parse_url

from .redis_url import SentinelURL, split_sentinel_url
from .tls import check_certificates

# What is about the master alone and makes no sense to a sentinel.
_MASTER_ONLY = ("username", "password", "db", "client_name", "redis_connect_func")
# A name with labels of up to 63 characters, or an address.
_HOST = re.compile(rb"(?=.{1,253}\Z)[A-Za-z0-9_\-:%]{1,63}(?:\.[A-Za-z0-9_\-:%]{1,63})*")
_PORT = re.compile(rb"[0-9]{1,5}")
SENTINEL_TIMEOUT_S = 1.0  # the next one is asked then


class Sentinels:
    """The sentinels of one master. The one that answered last is asked first."""

    def __init__(self, url: SentinelURL, options: Mapping[str, Any]) -> None:
        """``options``: of a connection to the master."""
        self._service = url.service
        self._hosts = list(url.hosts)
        self._class = redis.SSLConnection if url.tls else redis.Connection
        self._options = {key: options[key] for key in options if key not in _MASTER_ONLY}
        self._options |= {
            "username": url.sentinel_username,
            "password": url.sentinel_password,
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        }

    def master(self) -> tuple[str, int]:
        """Return the master's host and port. Raises redis-py's ConnectionError if nobody knows."""
        answers: list[str] = []
        for at, (host, port) in enumerate(self._hosts):
            try:
                found = _address(self._ask(host, port))
            except (rx.RedisError, OSError) as error:
                answers.append(f"{host}:{port}: {str(error).rstrip('. ')}")
                continue
            if found is not None:
                self._hosts.insert(0, self._hosts.pop(at))
                return found
            answers.append(f"{host}:{port} knows no master of that name")
        raise rx.ConnectionError(
            f"no sentinel names the master {self._service!r} ({'; '.join(answers)})"
        )

    def _ask(self, host: str, port: int) -> Any:
        connection: Any = self._class(host=host, port=port, **self._options)
        try:
            connection.send_command("SENTINEL", "get-master-addr-by-name", self._service)
            return connection.read_response()
        finally:
            connection.disconnect()


def _address(reply: object) -> tuple[str, int] | None:
    """Read what a sentinel answers: a host and a port, None for a master that it does not know.

    Raises redis-py's ConnectionError for anything else, whoever answers.
    """
    if reply is None:
        return None
    if isinstance(reply, list) and len(reply) == 2 and all(isinstance(x, bytes) for x in reply):
        host, port = reply
        if _HOST.fullmatch(host) and _PORT.fullmatch(port) and 0 < int(port) < 65536:
            return host.decode("ascii"), int(port)
    raise rx.ConnectionError("its answer is no address")


class _FollowsMaster:
    """What makes a connection of redis-py's ask the sentinels whenever it connects."""

    sentinels: Sentinels

    def _connect(self) -> Any:
        self.host, self.port = self.sentinels.master()
        return super()._connect()  # type: ignore[misc]


class _Plain(_FollowsMaster, redis.Connection):
    pass


class _Encrypted(_FollowsMaster, redis.SSLConnection):
    pass


def connection_to_master(url: str, options: Mapping[str, Any]) -> Any:
    """Return a connection to whichever server is the master when it is opened.

    ``url``: one that ``check_redis_url`` has passed. Raises ValueError and TypeError for options in
    the URL that do not exist.
    """
    parts = split_sentinel_url(url)
    kind: Any = _Encrypted if parts.tls else _Plain
    named: dict[str, Any] = {**parse_url(parts.plain), **options}  # type: ignore[no-untyped-call]
    named.pop("connection_class", None)
    if parts.tls:
        check_certificates(url, named)
    connection = kind(**named, redis_connect_func=_greet)
    connection.sentinels = Sentinels(parts, named)
    return connection


def _greet(connection: Any) -> None:
    connection.on_connect()
    connection.send_command("ROLE", check_health=False)
    reply = connection.read_response()
    if not (isinstance(reply, list) and reply and reply[0] == b"master"):
        raise rx.ConnectionError(
            f"{connection.host}:{connection.port} is not the master any more, or not yet"
        )
