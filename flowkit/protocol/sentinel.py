"""Finding the master of a Redis with Sentinel, for each new connection.

``redis+sentinel://user:password@host:26379,host2/mymaster/0``: the hosts are sentinels, followed by
the name of the master and the database. User and password are those of the master; those of the
sentinels are ``?sentinel_username=…&sentinel_password=…``. ``rediss+sentinel://`` uses TLS for
both: the certificate of a sentinel must name its host in the URL, and the certificate of the master
must name the address that the sentinel reports (tls.py). All other options are those of redis-py
URLs.

flowkit does not subscribe to failovers: the old master goes away or becomes read-only, the
connection breaks, and the next attempt asks the sentinels again. A sentinel may be out of date, so
the server that it names is asked for its role. A replica is refused, since it may lack the latest
writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import redis
import redis.exceptions as rx
from redis.connection import parse_url

from ..configuration.redis_url import SentinelURL, split_sentinel_url

# Options for the master only.
_MASTER_ONLY = ("username", "password", "db", "client_name", "redis_connect_func")
# A name with labels of up to 63 characters, or an address.
_HOST = re.compile(rb"(?=.{1,253}\Z)[A-Za-z0-9_\-:%]{1,63}(?:\.[A-Za-z0-9_\-:%]{1,63})*")
_PORT = re.compile(rb"[0-9]{1,5}")
SENTINEL_TIMEOUT_S = 1.0  # then the next sentinel is asked
CheckTLS = Callable[[str, dict[str, Any]], None]  # completes the options of a TLS connection


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
        """Return the host and port of the master. Raises redis-py's ConnectionError without one."""
        answers: list[str] = []
        for at, (host, port) in enumerate(self._hosts):
            try:
                address = _address(self._ask(host, port))
            except (rx.RedisError, OSError) as error:
                answers.append(f"{host}:{port}: {str(error).rstrip('. ')}")
                continue
            if address is not None:
                self._hosts.insert(0, self._hosts.pop(at))
                return address
            answers.append(f"{host}:{port} knows no master with that name")
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
    """Decode the reply of a sentinel: a host and a port, None for an unknown master.

    Raises redis-py's ConnectionError for any other reply.
    """
    if reply is None:
        return None
    if isinstance(reply, list) and len(reply) == 2 and all(isinstance(x, bytes) for x in reply):
        host, port = reply
        if _HOST.fullmatch(host) and _PORT.fullmatch(port) and 0 < int(port) < 65536:
            return host.decode("ascii"), int(port)
    raise rx.ConnectionError("its answer is not an address")


class _FollowsMaster:
    """Makes a connection of redis-py ask the sentinels whenever it connects."""

    sentinels: Sentinels

    def _connect(self) -> Any:
        self.host, self.port = self.sentinels.master()
        return super()._connect()  # type: ignore[misc]


class _Plain(_FollowsMaster, redis.Connection):
    pass


class _Encrypted(_FollowsMaster, redis.SSLConnection):
    pass


def connection_to_master(url: str, options: Mapping[str, Any], check_tls: CheckTLS) -> Any:
    """Return a connection to the server that is the master when it is opened.

    ``url``: one that ``check_redis_url`` has passed. ``check_tls``: ``tls.check_certificates``.
    Raises ValueError and TypeError for options in the URL that do not exist.
    """
    parts = split_sentinel_url(url)
    kind: Any = _Encrypted if parts.tls else _Plain
    named: dict[str, Any] = {**parse_url(parts.plain), **options}  # type: ignore[no-untyped-call]
    named.pop("connection_class", None)
    if parts.tls:
        check_tls(url, named)
    connection = kind(**named, redis_connect_func=_greet)
    connection.sentinels = Sentinels(parts, named)
    return connection


def _greet(connection: Any) -> None:
    connection.on_connect()
    connection.send_command("ROLE", check_health=False)
    reply = connection.read_response()
    if not (isinstance(reply, list) and reply and reply[0] == b"master"):
        raise rx.ConnectionError(f"{connection.host}:{connection.port} is not the master now")
