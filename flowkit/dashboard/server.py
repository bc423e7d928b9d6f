"""Serving the app: a socket, and uvicorn until a signal."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from ..exceptions import FlowkitError

BACKLOG = 64
MOST_CONNECTIONS = 256
GRACE_S = 1  # streams do not end by themselves


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
            f"the dashboard cannot listen on {host} port {port}: {error.strerror or error}; give "
            "another --port, or 0 for a free one"
        ) from None
    return listening


def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # addresses may have the token
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run(sockets=[listening])
