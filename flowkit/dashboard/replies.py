"""Documents as answers: what was asked for, and why a request is refused."""

from __future__ import annotations

import json

from starlette.responses import Response

from ..client.documents.api import ErrorAnswer
from ..client.documents.document import Document, to_mapping
from .access import NoEntry


def answer(document: Document, status: int = 200) -> Response:
    """Return a document as an answer."""
    return Response(
        json.dumps(to_mapping(document), separators=(",", ":")),
        status,
        media_type="application/json",
    )


def refusal(kind: str, message: str, status: int, parameter: str | None = None) -> Response:
    """Return an error as an answer. ``parameter``: the run parameter that it is about."""
    return answer(ErrorAnswer(type=kind, message=message, parameter=parameter), status)


def no_entry(error: NoEntry) -> Response:
    """Return the answer for a request that is not let in."""
    response = refusal(error.kind, str(error), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.wait:
        response.headers["Retry-After"] = str(error.wait)
    return response
