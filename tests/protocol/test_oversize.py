"""What a server finds too large is refused with a sentence, and is no outage without end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy import CuttingProxy
from real_redis import RealRedis

from flowkit import DAG, Client, task
from flowkit.protocol.link import Link
from flowkit.protocol.oversize import SUSPICIOUS_BYTES, RequestTooLarge, is_too_large

LIMIT = 1024 * 1024
MOST_BYTES = 2 * SUSPICIOUS_BYTES


@task
def length(data: bytes) -> int:
    return len(data)


class SmallProxy(CuttingProxy):
    """Closes a connection over which more than ``MOST_BYTES`` come, silently."""

    def _requests(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        count = 0
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                count += len(data)
                if count > MOST_BYTES:
                    break
                server.sendall(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    """A server with the least limit that Redis has."""
    server = RealRedis(tmp_path_factory.mktemp("small"))
    server.start()
    with server.client() as admin:
        admin.config_set("proto-max-bulk-len", LIMIT)
    yield server
    server.stop()


@pytest.fixture(params=["server", "proxy"])
def url(
    request: pytest.FixtureRequest, small_server: RealRedis, redis_server: RealRedis
) -> Iterator[str]:
    """A server that answers with an error, and a proxy that only closes the connection."""
    if request.param == "server":
        yield small_server.url
        return
    with SmallProxy(redis_server.url) as proxy:
        yield f"redis://127.0.0.1:{proxy.port}/0"


def test_a_value_too_large_for_the_server_is_refused(url: str) -> None:
    """It was sent again forever, and the worker said that it waits for Redis."""
    link = Link(url, patience=None)
    for _ in range(2):  # some servers answer, and some only close the connection
        with pytest.raises(RequestTooLarge, match="object store"):
            link.call("SET", "a", bytes(2 * LIMIT))
        with pytest.raises(RequestTooLarge, match="refuses a request of this size"):
            link.batch([("GET", "a"), ("SET", "a", bytes(2 * LIMIT))])
    assert link.call("SET", "a", "1") == b"OK"
    assert link.call("DEL", "a") == 1
    link.close()


def test_a_client_is_told_about_parameters_that_are_too_large(url: str) -> None:
    dag = DAG("large")
    dag.add(length)
    with Client.connect(url) as client, pytest.raises(RequestTooLarge):
        client.submit(dag, params={"data": bytes(2 * LIMIT)})


@pytest.mark.slow
def test_an_unreachable_server_is_not_a_refusal(tmp_path: Path) -> None:
    server = RealRedis(tmp_path, aof=True)
    server.start()
    outages: list[Exception] = []

    def on_outage(error: Exception, seconds: float) -> None:
        outages.append(error)
        if len(outages) == 6:
            server.start()

    link = Link(server.url, patience=None, on_outage=on_outage)
    assert link.call("SET", "a", "1") == b"OK"
    server.kill()
    assert link.call("SET", "a", bytes(LIMIT)) == b"OK"
    assert len(outages) == 6
    link.close()
    server.stop()


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        ("Protocol error: invalid bulk length", True),
        ("ERR max request size exceeded. Limit: 1048576 bytes", True),
        ("ERR Protocol error: too big bulk count string", True),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", False),
        ("ERR value is not an integer or out of range", False),
    ],
)
def test_an_answer_about_the_size_is_understood(reply: str, refused: bool) -> None:
    assert is_too_large(reply) is refused
