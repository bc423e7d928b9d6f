"""Serving the app: a socket, and uvicorn until a signal, or until a block ends."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from ..exceptions import FlowkitError
from .connections import MOST_HEAD, BoundedProtocol

BACKLOG = 64
MOST_CONNECTIONS = 256
GRACE_S = 0.5  # for requests; then connections are closed, since streams do not end by themselves
MARGIN_S = 2  # for what follows when they are closed


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises FlowkitError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only if the socket says that it is one of TCP. With it,
    # an answer in two parts takes 40 ms: the second waits for a delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise FlowkitError(
            f"the dashboard cannot listen on {host} port {port}: {error.strerror or error}. "
            f"{_remedy(error)}"
        ) from None
    return listening


def _remedy(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Another program has the port. Give another --port, or 0 for a free one."
    if error.errno == errno.EACCES:
        return "This account may not use the port. Give one above 1023 as --port."
    return "Give an address of this machine as --host, such as 127.0.0.1."


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. uvicorn raises the signal again when it has ended."""
    server = _Server(config_of(app))
    try:
        server.run(sockets=[listening])
    except (KeyboardInterrupt, SystemExit):
        if not server.should_exit:  # no signal: the app did not start
            raise


class BackgroundServer:
    """Serves an app in a thread, beside other work: ``with BackgroundServer(app, socket, report)``.

    A server that fails ends nothing else. Then ``report`` is called with a sentence, in the thread.
    """

    def __init__(
        self, app: ASGIApp, listening: socket.socket, report: Callable[[str], None]
    ) -> None:
        self._server = _Server(config_of(app))
        self._listening = listening
        self._report = report
        # A daemon, so that a request that does not end cannot hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="flowkit-dashboard", daemon=True)

    def __enter__(self) -> BackgroundServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop the server. Requests get ``GRACE_S`` to end; then their connections are closed."""
        self._server.should_exit = True
        self._thread.join(GRACE_S + 2 * MARGIN_S)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        except SystemExit:
            pass  # newer releases of uvicorn exit if an app does not start, older ones return
        except BaseException as error:
            self._report(f"The dashboard failed: {type(error).__name__}: {error}")
            return
        if not self._server.started:
            self._report("The dashboard did not start.")
        elif not self._server.should_exit:
            self._report("The dashboard has ended.")


class _Server(uvicorn.Server):
    """Ends streams as if their browsers had left: uvicorn would log each as an error."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(GRACE_S, self._close_connections)
        await super().shutdown(sockets)

    def _close_connections(self) -> None:
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.close()  # what was sent is still delivered


def config_of(app: ASGIApp) -> uvicorn.Config:
    """Return how uvicorn serves the app."""
    return uvicorn.Config(
        app,
        log_level="error",  # strangers could fill a log with warnings of bad requests
        http=BoundedProtocol,
        h11_max_incomplete_event_size=MOST_HEAD,
        access_log=False,  # addresses may have the token
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=MARGIN_S,
    )
