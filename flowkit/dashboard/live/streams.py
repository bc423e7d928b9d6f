"""The streams of the API: server-sent events, compressed for who accepts that.

A stream ends with the session that has opened it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..answering import Answering, lists_of, refusal_of
from ..endpoint import ROOT, Asked, Parameter, Stream, read_query
from ..replies import refusal
from ..sessions import Session
from .hub import MOST_STREAMS, Hub, TooManyStreams
from .packed import GzipStream, Packed, PlainStream

ASKED_S = 10.0  # how often a stream asks whether its session has ended
TOO_MANY = (
    f"{MOST_STREAMS} pages are open, which is the most that this dashboard serves. Close some of "
    "them: in other tabs, or of other people."
)
CURSOR = Parameter("cursor", "The id of the last event that the page has.")


class Streaming:
    """Answers requests for streams."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.hub = Hub(answering.in_thread)

    def route(self, stream: Stream) -> Route:
        """Return the route of a stream."""
        return Route(ROOT + stream.path, partial(self.handle, stream=stream))

    async def handle(self, request: Request, *, stream: Stream) -> Response:
        """Answer one request with a stream."""
        try:
            session = self._answering.access.session_of(request)
            query = read_query((*stream.parameters, CURSOR), lists_of(request))
        except Exception as error:
            return refusal_of(error)
        given = query.pop("cursor")
        cursor = request.headers.get("last-event-id") or given or ""
        asked = Asked(self._answering.reader, dict(request.path_params), query)
        key = (stream.path, *sorted(asked.path.items()), repr(sorted(query.items(), key=repr)))
        events = self.hub.events(key, partial(stream.source, asked), cursor)
        open_events = self._while_in(request, session, events)
        is_gzip = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if is_gzip else {})
        body = _sent(open_events, GzipStream() if is_gzip else PlainStream())
        try:
            self.hub.enter()
        except TooManyStreams:
            return refusal("TooManyStreams", TOO_MANY, 503)
        return _Open(self.hub, body, media_type="text/event-stream", headers=headers)

    async def _while_in(
        self, request: Request, session: Session, events: AsyncGenerator[Packed, None]
    ) -> AsyncGenerator[Packed, None]:
        """Yield the events until the session ends. A quiet stream is asked at its next ping."""
        access, asked = self._answering.access, time.monotonic()
        async with aclosing(events):
            async for event in events:
                if time.monotonic() - asked > ASKED_S:
                    asked = time.monotonic()
                    if not access.is_still_in(request, session):
                        return
                yield event


class _Open(StreamingResponse):
    """A stream that has a place, and gives it back at its end."""

    def __init__(self, hub: Hub, body: AsyncGenerator[bytes, None], **options: Any) -> None:
        super().__init__(body, **options)
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave()


async def _sent(
    events: AsyncGenerator[Packed, None], how: GzipStream | PlainStream
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        if how.head:
            yield how.head
        async for event in events:
            yield how.send(event)
    if how.tail:
        yield how.tail
