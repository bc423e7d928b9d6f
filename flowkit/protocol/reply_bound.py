"""A bound on the size of one reply: what exceeds it is not read to its end.

A value in Redis may have 512 MiB and a reply many of them: the writer decides. A process that must
not end therefore stops reading when a reply has more bytes than any honest one, and closes the
connection, since the rest would be taken for the next reply.

redis-py has no such bound. Its parser feeds bytes to a reader of hiredis; a counter between the two
starts from 0 with each reply that is asked for. Without hiredis, which flowkit requires, redis-py
parses replies itself and nothing is bounded.
"""

from __future__ import annotations

from typing import Any


class ReplyTooLarge(Exception):
    """A reply has more bytes than it may have."""


def bound_replies(connection: Any, most: int) -> None:
    """Have a connection of redis-py's raise ReplyTooLarge for a reply of over ``most`` bytes."""
    parser = connection._parser
    if not hasattr(parser, "read_from_socket"):
        return
    connect, read = parser.on_connect, parser.read_response

    def connect_bounded(*args: Any, **options: Any) -> None:
        connect(*args, **options)
        parser._reader = _BoundedReader(parser._reader, most)

    def read_bounded(*args: Any, **options: Any) -> Any:
        if parser._reader is not None:
            parser._reader.begin()
        return read(*args, **options)

    parser.on_connect, parser.read_response = connect_bounded, read_bounded


class _BoundedReader:
    """A reader of hiredis that counts the bytes which it is fed for one reply."""

    def __init__(self, reader: Any, most: int) -> None:
        self._reader = reader
        self._most = most
        self._fed = 0
        self.gets = reader.gets

    def begin(self) -> None:
        """Count from 0 again: another reply is asked for."""
        self._fed = 0

    def feed(self, data: Any, start: int, length: int) -> None:
        """Take bytes. Raises ReplyTooLarge."""
        self._fed += length
        if self._fed > self._most:
            raise ReplyTooLarge(f"it has more than {self._most:,} bytes")
        self._reader.feed(data, start, length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)
