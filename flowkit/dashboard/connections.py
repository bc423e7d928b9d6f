"""Connections that send nothing, or take nothing: each part of a request and of an answer has to
come within a time.

uvicorn bounds the time without a byte between two requests. It does not bound the time before the
first one, nor the time that a head, a body that nobody reads, or the reading of an answer takes. So
a stranger could hold all connections open with a few bytes, and nobody else would get an answer
(slowloris). ``guards.BodyLimit`` bounds the time for a body that is read, with an answer that says
so.

- A head has to be complete after ``head_s``, a body after ``body_s``.
- Of an answer that waits to be sent, ``least_taken`` bytes have to be taken each ``take_s``, or all
  of it. A stream that is quiet has nothing that waits.

This parser is chosen by name, also where httptools is installed: h11 is the stricter one, and
refuses requests whose end is ambiguous.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .guards import BODY_S

HEAD_S = 10.0
MARGIN_S = 5.0  # for the answer that says that a body was too slow
MOST_HEAD = 32 * 1024  # bytes
TAKE_S = 60.0  # long, since a socket reports progress only when much of its buffer was taken
LEAST_TAKEN = 20_000  # bytes


class BoundedProtocol(H11Protocol):
    """A connection that is closed if a part of it takes too long."""

    head_s, body_s = HEAD_S, BODY_S + MARGIN_S
    take_s, least_taken = TAKE_S, LEAST_TAKEN
    _timer: asyncio.TimerHandle | None = None
    _timed: object = None  # the state that the timer is for
    _taking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time for the first head."""
        super().connection_made(transport)
        # So the connection says when anything waits to be sent, and when nothing does.
        transport.set_write_buffer_limits(high=0)
        self._time_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the times."""
        self._stop()
        self._stop_taking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. The time of a head, or a body, ends with its last byte."""
        super().data_received(data)
        self._time_request()

    def on_response_complete(self) -> None:
        """Read on: the next request may have come already."""
        super().on_response_complete()
        self._time_request()

    def pause_writing(self) -> None:
        """Start the time in which the waiting bytes have to be taken."""
        super().pause_writing()
        self._time_taking()

    def resume_writing(self) -> None:
        """Stop it: all bytes were taken."""
        self._stop_taking()
        super().resume_writing()

    def _time_request(self) -> None:
        """Start the time for the part of a request that comes now, unless it has begun."""
        state = self.conn.their_state
        if state is self._timed:
            return
        self._stop()
        if state in (h11.IDLE, h11.SEND_BODY):
            self._timed = state
            seconds = self.head_s if state is h11.IDLE else self.body_s
            self._timer = self.loop.call_later(seconds, self._close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timed = None

    def _close(self) -> None:
        if self.conn.their_state is self._timed:
            self.transport.close()
        self._timer = self._timed = None

    def _time_taking(self) -> None:
        self._stop_taking()
        waiting = self.transport.get_write_buffer_size()
        self._taking = self.loop.call_later(self.take_s, self._check_taken, waiting)

    def _check_taken(self, waiting: int) -> None:
        """Close a connection without sending the rest, unless enough was taken."""
        if waiting - self.transport.get_write_buffer_size() < self.least_taken:
            self.transport.abort()
        else:
            self._time_taking()

    def _stop_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
