"""The streams of the API: server-sent events."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ..answering import Answering, lists_of, not_logged_in, refusal, refusal_of
from ..endpoint import ROOT, Asked, Parameter, Stream, read_query
from .hub import Hub, TooManyStreams

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
        if self._answering.access.session_of(request) is None:
            return not_logged_in()
        try:
            query = read_query((*stream.parameters, CURSOR), lists_of(request))
            self.hub.check()
        except TooManyStreams:
            return refusal("TooManyStreams", "Too many pages are open. Close some of them.", 503)
        except Exception as error:
            return refusal_of(error)
        given = query.pop("cursor")
        cursor = request.headers.get("last-event-id") or given or ""
        asked = Asked(self._answering.reader, dict(request.path_params), query)
        key = (stream.path, *sorted(asked.path.items()), repr(sorted(query.items(), key=repr)))
        events = self.hub.events(key, partial(stream.source, asked), cursor)
        return StreamingResponse(events, media_type="text/event-stream")
