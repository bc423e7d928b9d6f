"""The breakable way to Redis breaks in the ways that it says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import wait_until
from real_redis import RealRedis

from .proxy import Proxy


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    result = RealRedis(tmp_path_factory.mktemp("redis"))
    result.start()
    yield result
    result.stop()


@pytest.fixture
def proxy(server: RealRedis) -> Iterator[Proxy]:
    with Proxy(server.port) as result:
        yield result


class Line:
    """One connection through the proxy; ``ask`` returns b"" if it is closed."""

    def __init__(self, proxy: Proxy) -> None:
        self._socket = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)

    def ask(self, request: bytes, timeout: float = 10) -> bytes:
        self._socket.settimeout(timeout)
        self._socket.sendall(request + b"\r\n")
        try:
            return self._socket.recv(100)
        except ConnectionError:
            return b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def is_closed(self) -> bool:
        try:
            return self._socket.recv(100) == b""
        except ConnectionError:
            return True


def ask_once(proxy: Proxy) -> bytes:
    with Line(proxy) as line:
        return line.ask(b"PING")


@pytest.fixture
def lines(proxy: Proxy) -> Iterator[list[Line]]:
    with Line(proxy) as item, Line(proxy) as other:
        yield [item, other]


def test_it_forwards_requests_and_replies(proxy: Proxy, lines: list[Line]) -> None:
    assert [line.ask(b"PING") for line in lines] == [b"+PONG\r\n"] * 2
    assert len(proxy.attempts) == 2


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reply_is_lost_or_the_last_of_its_connection(
    proxy: Proxy, lines: list[Line], server: RealRedis, when: str
) -> None:
    line, other = lines
    line.ask(b"SET key 0")
    proxy.cut_at(2, when)
    assert line.ask(b"INCR key") == b":1\r\n"
    assert line.ask(b"INCR key") == (b"" if when == "before" else b":2\r\n")
    assert line.is_closed()
    assert proxy.cuts == 1
    with server.client() as direct:
        assert direct.get("key") == b"2", "the request was not carried out"
    assert other.ask(b"PING") == b"+PONG\r\n"


def test_all_connections_are_dropped_and_can_reconnect(proxy: Proxy, lines: list[Line]) -> None:
    for line in lines:
        line.ask(b"PING")
    proxy.hang_up()
    assert all(line.is_closed() for line in lines)
    assert ask_once(proxy) == b"+PONG\r\n"


def test_a_frozen_connection_stays_open_and_silent(proxy: Proxy, lines: list[Line]) -> None:
    for line in lines:
        line.ask(b"PING")
    proxy.freeze()
    wait_until("they are frozen", lambda: all(wire.frozen for wire in proxy._wires))
    for line in lines:
        with pytest.raises(TimeoutError):
            line.ask(b"PING", timeout=0.2)
    assert ask_once(proxy) == b"+PONG\r\n"


def test_a_refusing_proxy_accepts_no_connection(proxy: Proxy, lines: list[Line]) -> None:
    proxy.refuse(True)
    assert all(line.is_closed() for line in lines)
    assert ask_once(proxy) == b""
    proxy.refuse(False)
    assert ask_once(proxy) == b"+PONG\r\n"


def test_an_unreachable_server_closes_the_connection(tmp_path: Path) -> None:
    server = RealRedis(tmp_path)
    server.start()
    with Proxy(server.port) as proxy:
        server.stop()
        assert ask_once(proxy) == b""
