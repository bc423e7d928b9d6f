"""What the API says of itself and of the session: its description, who is in, logging out."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..basics.version import VERSION
from ..client.documents.api import SessionAnswer
from .access import NoEntry, TokenAccess, may_act
from .answering import Answering
from .endpoint import ROOT, Endpoint
from .openapi import openapi_document
from .pages import set_cookies
from .replies import answer, no_entry, refusal
from .sessions import Session


class SelfRoutes:
    """The routes of the API that no client carries out."""

    def __init__(self, answering: Answering, endpoints: Sequence[Endpoint]) -> None:
        self._access, self._acts = answering.access, answering.actor is not None
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route(ROOT + "/openapi.json", self._describe),
            Route(ROOT + "/session", self._who, methods=["GET"]),
            Route(ROOT + "/session", self._log_out, methods=["DELETE"]),
        ]

    async def _describe(self, request: Request) -> Response:
        try:
            self._access.session_of(request)
        except NoEntry as error:
            return no_entry(error)
        root = request.scope.get("root_path", "").removesuffix(self._access.private)
        return JSONResponse(openapi_document(self._endpoints, VERSION, root))

    async def _who(self, request: Request) -> Response:
        try:
            session = self._access.session_of(request)
        except NoEntry as error:
            return no_entry(error)
        return self._answer(session, logs_out=bool(session.key))

    async def _log_out(self, request: Request) -> Response:
        try:
            session = self._access.session_of(request)
        except NoEntry as error:
            return no_entry(error)
        if not may_act(request, session):
            return refusal("NotOurPage", "The request does not come from the page.", 403)
        if not session.key or not isinstance(self._access, TokenAccess):
            return refusal("NoSession", "There is no session that could end.", 409)
        self._access.sessions.close(session.key)
        response = self._answer(Session(csrf=""), logs_out=False)
        set_cookies(self._access, request, response, None)
        return response

    def _answer(self, session: Session, *, logs_out: bool) -> Response:
        return answer(
            SessionAnswer(name=session.name, csrf=session.csrf, acts=self._acts, logs_out=logs_out)
        )
