"""The server in a thread: it ends with its block, and what it cannot do ends nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from starlette.applications import Starlette
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


def test_a_failure_is_told_and_goes_no_further(reported: list[str]) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "a broken app"})

    with listen("127.0.0.1", 0) as listening:
        server = BackgroundServer(broken, listening, reported.append)
        with server:
            server._thread.join(10)
    assert reported[0].startswith("The dashboard failed: SystemExit")


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(FlowkitError, match=f"port {port}: .* Give another --port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(FlowkitError, match="Give an address of this machine as --host"):
        listen(host, 0)
