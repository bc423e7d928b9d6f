"""The ASGI app of the dashboard: guards, pages, API."""

from __future__ import annotations

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..basics.version import VERSION
from ..client.client import Client
from ..client.documents.api import SessionAnswer
from .access import Access
from .answering import Answering, answer, not_logged_in, refusal
from .endpoint import ROOT, Endpoint, Stream
from .endpoints import dags, dead, recording, run, run_actions, run_reading, runs, system, tasks
from .guards import BodyLimit, HostGuard, SafeHeaders
from .live.streams import Streaming
from .openapi import openapi_document
from .pages import Pages

ENDPOINTS: tuple[Endpoint, ...] = (
    *runs.ENDPOINTS,
    *run.ENDPOINTS,
    *run_actions.ENDPOINTS,
    *run_reading.ENDPOINTS,
    *recording.ENDPOINTS,
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
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def build_app(
    reader: Client,
    actor: Client | None,
    access: Access,
    hosts: Collection[str] = LOOPBACK,
) -> Starlette:
    """Return the app. ``reader``: reads; ``actor``: acts, None for a page that only looks."""
    answering = Answering(access, reader, actor)
    streaming = Streaming(answering)

    return Starlette(
        routes=[
            *(answering.route(endpoint) for endpoint in ENDPOINTS),
            *(streaming.route(stream) for stream in STREAMS),
            *_self_routes(access, acts=actor is not None),
            *Pages(access, VERSION).routes(),
        ],
        middleware=[
            Middleware(HostGuard, hosts=hosts),
            Middleware(SafeHeaders),
            Middleware(BodyLimit),
            Middleware(GZipMiddleware, minimum_size=1_000),
        ],
        exception_handlers={404: _nothing},
    )


def _self_routes(access: Access, *, acts: bool) -> list[Route]:
    async def describe(request: Request) -> Response:
        if access.session_of(request) is None:
            return not_logged_in()
        return JSONResponse(openapi_document(ENDPOINTS, VERSION))

    async def who(request: Request) -> Response:
        session = access.session_of(request)
        if session is None:
            return not_logged_in()
        return answer(SessionAnswer(name=session.name, csrf=session.csrf, acts=acts))

    return [Route(ROOT + "/openapi.json", describe), Route(ROOT + "/session", who)]


async def _nothing(request: Request, error: Exception) -> Response:
    return refusal("NotFound", "There is nothing at this address.", 404)
