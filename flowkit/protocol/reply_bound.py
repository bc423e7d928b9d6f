"""A bound on the size of one reply: what exceeds it is not read to its end.

A value in Redis may have 512 MiB and a reply many of them: the writer decides. A process that must
not end therefore stops reading when a reply has more bytes than any honest one, and closes the
connection, since the rest would be taken for the next reply.

redis-py has no such bound. Its parser feeds bytes to a reader of hiredis; a counter between the two
is set to 0 by whoever asks for a reply. Without hiredis, which flowkit requires, redis-py parses
replies itself and nothing is bounded.
"""

from __future__ import annotations

from typing import Any


class ReplyTooLarge(Exception):
    """A reply has more bytes than it may have."""


class ReplyBound:
    """Has a connection of redis-py's raise ReplyTooLarge for a reply of over ``most`` bytes.

    ``fed``: the bytes that have come since it was set to 0, which is to be done for each reply. A
    plain attribute, since each reply of a batch pays for it.
    """

    def __init__(self, connection: Any, most: int) -> None:
        self.fed = 0
        self.most = most
        parser = connection._parser
        if not hasattr(parser, "read_from_socket"):
            return
        connect = parser.on_connect

        def connect_bounded(*args: Any, **options: Any) -> None:
            connect(*args, **options)
            self.fed = 0
            parser._reader = _BoundedReader(parser._reader, self)

        parser.on_connect = connect_bounded


class _BoundedReader:
    """A reader of hiredis that counts the bytes which it is fed for one reply."""

    def __init__(self, reader: Any, bound: ReplyBound) -> None:
        self._reader = reader
        self._bound = bound
        self._feed = reader.feed
        self.gets = reader.gets

    def feed(self, data: Any, start: int, length: int) -> None:
        """Take bytes. Raises ReplyTooLarge."""
        bound = self._bound
        bound.fed += length
        if bound.fed > bound.most:
            raise ReplyTooLarge(f"it has more than {bound.most:,} bytes")
        self._feed(data, start, length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)
