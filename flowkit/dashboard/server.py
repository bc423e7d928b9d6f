"""Serving the app: a socket, and uvicorn until a signal."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from ..exceptions import FlowkitError
from .connections import MOST_HEAD, BoundedProtocol

BACKLOG = 64
MOST_CONNECTIONS = 256
GRACE_S = 1  # streams do not end by themselves


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises FlowkitError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
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
    uvicorn.Server(config_of(app)).run(sockets=[listening])


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
        timeout_graceful_shutdown=GRACE_S,
    )
