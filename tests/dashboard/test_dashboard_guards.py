"""What each request passes first: its host, its body, its connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from here import BASE, Browser
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from flowkit import Client
from flowkit.dashboard.access import TokenAccess
from flowkit.dashboard.app import build_app
from flowkit.dashboard.connections import BoundedProtocol
from flowkit.dashboard.endpoint import ROOT
from flowkit.dashboard.guards import MOST_BODY, BodyLimit
from flowkit.dashboard.static_files import digest

ODD = ("TRACE", "CONNECT", "PUT", "PATCH", "OPTIONS", "PROPFIND")


def test_a_body_that_is_too_large_is_refused(browser: Browser, access: TokenAccess) -> None:
    headers = {"authorization": f"Bearer {access.token}"}
    browser.cookies.clear()

    def parts() -> Iterator[bytes]:
        yield from [b" " * 100_000] * 11

    for content in (b" " * (MOST_BODY + 1), parts()):
        answer = browser.post(ROOT + "/runs/x/cancel", content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (413, "BadBody")


@pytest.mark.anyio
async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    sent: list[Message] = []

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    async def receive() -> Message:
        if not sent:
            sent.append({"type": "first"})
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    await BodyLimit(read, seconds=0.01)(scope, receive, send)
    assert sent[1]["status"] == 408


@pytest.mark.anyio
async def test_a_stream_is_not_a_slow_body() -> None:
    """The end of a connection is awaited for as long as it takes."""
    heard: list[Message] = []

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([await receive(), await receive()])

    messages = iter([0.0, 0.05])

    async def receive() -> Message:
        await asyncio.sleep(next(messages))
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    await BodyLimit(watch, seconds=0.01)({"type": "http", "headers": []}, receive, send)
    assert len(heard) == 2


@pytest.mark.parametrize("method", ODD)
def test_an_odd_method_is_refused(browser: TestClient, method: str) -> None:
    for path in ("/", "/runs/x", ROOT + "/runs", ROOT + "/runs/x/cancel"):
        answer = browser.request(method, path)
        assert answer.status_code == 405, path
        assert answer.json()["type"] == "NotAllowed"
        assert "access-control-allow-origin" not in answer.headers


def test_the_head_of_a_page_has_no_content(browser: TestClient) -> None:
    for path in ("/", ROOT + "/runs"):
        answer = browser.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert browser.head(ROOT + "/runs/x/cancel").status_code == 405


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "//evil.example/", "/runs/", "/\\evil.example", "/runs/x//", "/dags/"],
)
def test_no_address_leads_elsewhere(browser: TestClient, access: TokenAccess, path: str) -> None:
    for query in ("", f"?token={access.token}", "?next=http://evil.example"):
        answer = browser.get(BASE + path + query, follow_redirects=False)
        assert answer.status_code in (200, 404)
        assert "location" not in answer.headers


def test_what_a_session_reads_is_kept_nowhere(browser: TestClient) -> None:
    """A cache between could give it to others."""
    paths = ("/", "/runs/x", "/nothing", ROOT + "/runs", ROOT + "/session", "/static/x/app.js")
    for path in paths:
        answer = browser.get(path, headers={"x-forwarded-host": "evil.example"})
        assert answer.headers["cache-control"] == "no-store", path
        assert "evil.example" not in answer.text


# -- connections ----------------------------------------------------------------------------------


@pytest.fixture
async def port(
    system: Client, access: TokenAccess, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[int]:
    """The port of a real server in this event loop."""
    from uvicorn import Server

    from flowkit.dashboard.server import config_of

    for name in ("head_s", "body_s", "take_s"):
        monkeypatch.setattr(BoundedProtocol, name, 0.1)
    app = build_app(system, system, access)
    config = config_of(app)
    config.timeout_keep_alive = 0.1  # type: ignore[assignment] # any number will do
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await task


async def heard(port: int, *parts: bytes) -> bytes:
    """Send parts, and return all that comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.02)
    try:
        async with asyncio.timeout(8):
            return await reader.read()
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.anyio
async def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    assert await heard(port) == b""
    assert await heard(port, b"GET / HT") == b""
    answered = await heard(port, GET, b"GET / HT")
    assert answered.count(b"HTTP/1.1 401") == 1


@pytest.mark.anyio
async def test_a_body_that_nobody_reads_does_not_hold_its_connection(port: int) -> None:
    begun = b"POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\n"
    began = asyncio.get_running_loop().time()
    with suppress(ConnectionError):
        assert b" 401 " in await heard(port, begun, *[b"x"] * 200)
    assert asyncio.get_running_loop().time() - began < 7  # of them, 4 s would be the sending


@pytest.mark.anyio
async def test_an_answer_that_nobody_takes_does_not_hold_its_connection(port: int) -> None:
    """A stranger asks for a file again and again, and reads nothing."""
    asked = f"GET /static/{digest()}/style.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        reader.setblocking(False)
        await loop.sock_connect(reader, ("127.0.0.1", port))
        async with asyncio.timeout(8):
            with suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(reader, asked * 100)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n X: folded\x00\r\n\r\n",
    ],
)
async def test_an_ambiguous_request_gets_one_answer_at_most(port: int, request_: bytes) -> None:
    answer = await heard(port, request_)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"HTTP/1.1 2" not in answer


@pytest.mark.anyio
async def test_a_request_without_a_host_is_refused(port: int) -> None:
    assert (await heard(port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 421")
    away = b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    assert (await heard(port, away)).startswith(b"HTTP/1.1 404")
