"""Answering requests of the API: read them, do them in a thread, answer with a document.

The client blocks, so each request takes one of ``THREADS`` threads; further ones wait. An error of
flowkit is an answer with the status that fits; any other error is a bug, is logged, and is an
answer without its details.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..client.caller import calling_for
from ..client.client import Client
from ..exceptions import (
    FlowkitError,
    NotPermitted,
    ParameterError,
    RedisUnavailable,
    RunAlreadyOver,
    RunDamaged,
    RunExists,
    RunNotFound,
    RunNotOver,
    StoreError,
    TaskNotFailed,
    TaskNotFoundError,
    UnknownDAGError,
)
from .access import Access, NoEntry, may_act
from .endpoint import ROOT, Asked, BadParameter, Busy, Endpoint, FileAnswer, read_body, read_query
from .guards import BadBody
from .live.watch import BUG
from .replies import answer, no_entry, refusal

THREADS = 8
STATUS: Mapping[type[Exception], int] = {
    RunNotFound: 404,
    TaskNotFoundError: 404,
    UnknownDAGError: 404,
    RunExists: 409,
    RunNotOver: 409,
    RunAlreadyOver: 409,
    TaskNotFailed: 409,
    NotPermitted: 403,
    RedisUnavailable: 503,
    StoreError: 502,
    RunDamaged: 502,
    FlowkitError: 400,
    BadParameter: 400,
    Busy: 429,
}
_log = logging.getLogger("flowkit.dashboard")


def refusal_of(error: Exception) -> Response:
    """Return the answer for an error, with the status of the nearest class that has one."""
    if isinstance(error, NoEntry):
        return no_entry(error)
    if isinstance(error, BadBody):
        return refusal("BadBody", str(error), error.status)
    if isinstance(error, ClientDisconnect):
        return refusal("BadBody", "The body is not complete.", 400)
    for kind in type(error).__mro__:
        if kind in STATUS:
            parameter = error.parameter if isinstance(error, ParameterError) else None
            return refusal(type(error).__name__, str(error), STATUS[kind], parameter)
    _log.error("The dashboard could not answer a request", exc_info=error)
    return refusal("InternalError", BUG, 500)


class Answering:
    """The clients of the dashboard, and who may use them.

    ``reader``: reads for all. ``actor``: carries out actions, None if there are none.
    """

    def __init__(self, access: Access, reader: Client, actor: Client | None) -> None:
        self.access, self.reader, self.actor = access, reader, actor
        self._limiter: anyio.CapacityLimiter | None = None

    def route(self, endpoint: Endpoint) -> Route:
        """Return the route of an endpoint."""
        return Route(
            ROOT + endpoint.path, partial(self.handle, endpoint=endpoint), methods=[endpoint.method]
        )

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        """Call a function that blocks, in one of the threads."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(function, limiter=self._limiter)

    async def handle(self, request: Request, *, endpoint: Endpoint) -> Response:
        """Answer one request."""
        try:
            session = self.access.session_of(request)
        except NoEntry as error:
            return no_entry(error)
        client = self.actor if endpoint.acts else self.reader
        if client is None:
            return refusal("ReadOnly", "This dashboard is read-only.", 403)
        if endpoint.acts and not may_act(request, session):
            return refusal("NotOurPage", "The request does not come from the page.", 403)
        try:
            body = read_body(endpoint.body, await _body(request)) if endpoint.acts else {}
            query = read_query(endpoint.parameters, lists_of(request))
            asked = Asked(client, dict(request.path_params), query, body)
            with calling_for(session.name, "dashboard"):
                done = await self.in_thread(partial(endpoint.do, asked))
        except NotPermitted as error:
            return refusal("NotPermitted", self._not_permitted(str(error), endpoint), 403)
        except Exception as error:
            return refusal_of(error)
        if isinstance(done, FileAnswer):
            return _attached(Response(done.data, media_type=str(endpoint.answer)), done.name)
        response = answer(done)
        return (
            _attached(response, endpoint.file) if endpoint.file and query["download"] else response
        )

    def _not_permitted(self, text: str, endpoint: Endpoint) -> str:
        """Add to an error of Redis which of the clients has met it."""
        if endpoint.acts and self.actor is self.reader:
            return (
                f"{text}. The dashboard acts with the Redis user that it reads with. Start it with "
                "FLOWKIT_ACT_REDIS_URL or --act-redis-file, for a user of the role client, or with "
                "--read-only"
            )
        user = "acts" if endpoint.acts else "reads"
        return f"{text}. It is the Redis user with which the dashboard {user}"


def _attached(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def lists_of(request: Request) -> dict[str, list[str]]:
    """Return the parameters of a request, each with all texts that are given for it."""
    lists: dict[str, list[str]] = {}
    for name, text in request.query_params.multi_items():
        lists.setdefault(name, []).append(text)
    return lists


async def _body(request: Request) -> Mapping[str, Any]:
    data = await request.body()
    if not data:
        return {}
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadParameter("the body must be a JSON object") from None
    if not isinstance(body, dict):
        raise BadParameter("the body must be a JSON object")
    return body
