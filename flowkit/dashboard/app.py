"""The ASGI app of the dashboard: guards, pages, API."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from ..basics.version import VERSION
from ..client.client import Client
from .access import PRIVATE, Access, TokenAccess
from .answering import Answering
from .endpoint import Endpoint, Stream
from .endpoints import (
    dags,
    dead,
    many_runs,
    recording,
    run,
    run_actions,
    run_reading,
    runs,
    submitting,
    system,
    tasks,
)
from .guards import BehindHTTPS, BodyLimit, HostGuard, SafeHeaders
from .live.packed import LEVEL
from .live.streams import Streaming
from .pages import Pages
from .replies import no_entry, refusal
from .self_routes import SelfRoutes

ENDPOINTS: tuple[Endpoint, ...] = (
    *runs.ENDPOINTS,
    *many_runs.ENDPOINTS,
    *run.ENDPOINTS,
    *run_actions.ENDPOINTS,
    *run_reading.ENDPOINTS,
    *recording.ENDPOINTS,
    *submitting.ENDPOINTS,
    *tasks.ENDPOINTS,
    *dags.ENDPOINTS,
    *dead.ENDPOINTS,
    *system.ENDPOINTS,
)
STREAMS: tuple[Stream, ...] = (
    *runs.STREAMS,
    *run.STREAMS,
    *run_reading.STREAMS,
    *tasks.STREAMS,
    *dead.STREAMS,
    *system.STREAMS,
)
ANY = ("GET", "POST", "DELETE")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def build_app(
    reader: Client,
    actor: Client | None,
    access: Access,
    hosts: Collection[str] = LOOPBACK,
    *,
    behind_https: bool = False,
) -> Starlette:
    """Return the app. ``reader``: reads; ``actor``: acts, None for a page that only looks.

    ``behind_https``: a proxy speaks HTTPS with browsers, so cookies and origins are of HTTPS.
    """
    answering = Answering(access, reader, actor)
    streaming = Streaming(answering)
    api: list[BaseRoute] = [
        *(answering.route(endpoint) for endpoint in ENDPOINTS),
        *(streaming.route(stream) for stream in STREAMS),
        *SelfRoutes(answering, ENDPOINTS).routes(),
    ]
    private: list[BaseRoute] = []
    if isinstance(access, TokenAccess):
        old = Route(PRIVATE + "{path:path}", partial(_of_another_start, access=access), methods=ANY)
        private = [Mount(access.private, routes=api), old]
    pages = Pages(access, VERSION)
    app = Starlette(
        routes=[*api, *private, *pages.routes()],
        middleware=[
            Middleware(SafeHeaders),
            Middleware(HostGuard, hosts=hosts),
            *([Middleware(BehindHTTPS)] if behind_https else []),
            Middleware(BodyLimit),
            Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=LEVEL),
        ],
        exception_handlers={HTTPException: partial(_refused, pages=pages)},
    )
    app.router.redirect_slashes = False
    return app


async def _of_another_start(request: Request, *, access: TokenAccess) -> Response:
    """Answer a page that was let in before the dashboard was restarted."""
    return no_entry(access.not_logged_in())


async def _refused(request: Request, error: Exception, *, pages: Pages) -> Response:
    if not isinstance(error, HTTPException) or error.status_code == 404:
        if "text/html" in request.headers.get("accept", ""):  # somebody opened it in a browser
            return await pages.unknown(request)
        return refusal("NotFound", "There is nothing at this address.", 404)
    response = refusal("NotAllowed", f"{error.detail}.", error.status_code)
    response.headers.update(error.headers or {})
    return response
