"""The server in a thread: it ends with its block, and what it cannot do ends nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from flowkit.dashboard.server import BackgroundServer, listen
from flowkit.exceptions import FlowkitError


@pytest.fixture
def reported() -> Iterator[list[str]]:
    said: list[str] = []
    yield said
    assert len(said) <= 1


def test_it_ends_with_its_block(reported: list[str]) -> None:
    with listen("127.0.0.1", 0) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with BackgroundServer(Starlette(), listening, reported.append):
            assert httpx2.get(address).status_code == 404
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(address)
    assert reported == []


def test_an_open_stream_ends_without_an_error(
    reported: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each Ctrl-C with a page open in a browser wrote a traceback of fifty lines."""

    async def endless(request: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "begun"
            await anyio.sleep_forever()

        return StreamingResponse(parts())

    app = Starlette(routes=[Route("/", endless)])
    with listen("127.0.0.1", 0) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx2.Client() as browser, ExitStack() as stack:
            stack.enter_context(BackgroundServer(app, listening, reported.append))
            stream = browser.send(browser.build_request("GET", address), stream=True)
            assert next(stream.iter_text()) == "begun"
    assert caplog.records == []


def test_a_failure_is_told_and_goes_no_further(reported: list[str]) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "a broken app"})

    with listen("127.0.0.1", 0) as listening:
        server = BackgroundServer(broken, listening, reported.append)
        with server:
            server._thread.join(10)
    assert reported == ["The dashboard did not start."]


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(FlowkitError, match=f"port {port}: .* Give another --port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(FlowkitError, match="Give an address of this machine as --host"):
        listen(host, 0)
