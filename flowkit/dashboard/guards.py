"""What each request passes first, and what each answer carries: ASGI middleware.

- ``HostGuard`` refuses a ``Host`` that is not in the list. A page of another site can have a name
  that leads to 127.0.0.1, and would be of the same origin as ours then (DNS rebinding).
- ``BodyLimit`` refuses a body of more than ``MOST_BODY`` bytes, also one that does not say so, and
  one that is not complete after ``BODY_S``, and one whose end a proxy could see elsewhere.
- ``BehindHTTPS`` says that browsers speak HTTPS, with a proxy that the owner knows of. No header of
  a request can say that: anybody could send it.
- ``SafeHeaders`` tells the browser to run only scripts of ours, to show us in no frame, and to
  tell nobody the address that it comes from, which may have the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .replies import refusal

MOST_BODY = 1_000_000
BODY_S = 20.0
ANY_HOST = "*"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class HostGuard:
    """Refuses requests for hosts that are not ours. ``hosts``: names without ports; ``*``: all."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or self._is_ours(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        text = (
            "This host is not in the list of allowed ones. Open the address that flowkit dashboard "
            "printed, or start it with --allow-host NAME; in an own app, name it in the hosts of "
            "create_app."
        )
        await refusal("UnknownHost", text, 421)(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        return ANY_HOST in self._hosts or name_of(host).lower() in self._hosts


def name_of(host: str) -> str:
    """Return a Host header without its port: ``[::1]:80`` is ``[::1]``."""
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdigit() else host


class SafeHeaders:
    """Adds headers to each answer; those that a route has set stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class BehindHTTPS:
    """Takes each request for one that came by HTTPS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            scope = {**scope, "scheme": "https"}
        await self._app(scope, receive, send)


class BadBody(Exception):
    """A body is larger than ``MOST_BODY``, or comes too slowly. ``status``: of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class BodyLimit:
    """Ends the reading of a body that is too large or too slow."""

    def __init__(self, app: ASGIApp, seconds: float = BODY_S) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and refuse it if more is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            response = refusal("BadBody", "The request names two lengths of its body.", 400)
            response.headers["Connection"] = "close"  # what follows may be a part of the body
            await response(scope, receive, send)
            return
        body = _Body(receive, self._seconds)
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, body.receive, send_noted)
        except BadBody as error:
            if started:
                raise
            await refusal("BadBody", str(error), error.status)(scope, receive, send)


class _Body:
    """The body of one request, as it is read."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive, self._seconds = receive, seconds
        self._taken, self._is_complete, self._ends = 0, False, 0.0

    async def receive(self) -> Message:
        """Return the next message. Raises BadBody."""
        if self._is_complete:  # what comes now is only the end of the connection
            return await self._receive()
        now = asyncio.get_running_loop().time()
        self._ends = self._ends or now + self._seconds
        try:
            message = await asyncio.wait_for(self._receive(), self._ends - now)
        except TimeoutError:
            raise BadBody(408, f"The body took more than {self._seconds:g} s.") from None
        self._taken += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._taken > MOST_BODY:
            raise BadBody(413, f"The body is larger than {MOST_BODY:,} bytes.")
        return message
