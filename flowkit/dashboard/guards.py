"""What each request passes first, and what each answer carries: ASGI middleware.

- ``HostGuard`` refuses a ``Host`` that is not in the list. A page of another site can have a name
  that leads to 127.0.0.1, and would be of the same origin as ours then (DNS rebinding).
- ``BodyLimit`` refuses a body of more than ``MOST_BODY`` bytes, also one that does not say so.
- ``SafeHeaders`` tells the browser to run only scripts of ours, to show us in no frame, and to
  tell nobody the address that it comes from, which may have the token.
"""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 1_000_000
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
            "printed, or start it with --allow-host NAME.\n"
        )
        await PlainTextResponse(text, 421)(scope, receive, send)

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


class TooLarge(Exception):
    """A body is larger than ``MOST_BODY``."""


class BodyLimit:
    """Ends the reading of a body that is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and refuse it if more is read."""
        taken, started = 0, False

        async def receive_bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BODY:
                raise TooLarge
            return message

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive_bounded, send_noted)
        except TooLarge:
            if started:
                raise
            text = f"The body is larger than {MOST_BODY:,} bytes.\n"
            await PlainTextResponse(text, 413)(scope, receive, send)
