"""Connections that send nothing: the head of a request has to come within ``HEAD_S``.

uvicorn bounds the time without a byte between two requests, but not the time before the first one,
and not the time that a head takes. So a stranger could hold all connections open with a few bytes,
and nobody else would get an answer (slowloris). ``guards.BodyLimit`` bounds the time for a body.

This parser is chosen by name, also where httptools is installed: h11 is the stricter one, and
refuses requests whose end is ambiguous.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
MOST_HEAD = 32 * 1024  # bytes


class BoundedProtocol(H11Protocol):
    """A connection that is closed if a head is not complete after ``head_s``."""

    head_s = HEAD_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time for the first head."""
        super().connection_made(transport)
        self._time_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. The time starts with the first byte of a head, and ends with its last one."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._time_head()
        else:
            self._stop()

    def _time_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._timer = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
