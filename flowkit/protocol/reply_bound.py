"""A bound on the size of one reply. A larger reply is not read completely.

A value in Redis may have 512 MiB, and a reply may contain many values: the writer decides. So a
process stops reading when a reply exceeds the size of any honest one. It then closes the
connection, since the rest would be read as the next reply.

redis-py has no such bound. Its parser feeds bytes to a reader of hiredis, and a counter between the
two is reset to 0 before each reply. Without hiredis, which flowkit requires, redis-py would parse
replies itself without a bound.
"""

from __future__ import annotations

from typing import Any


class ReplyTooLarge(Exception):
    """A reply exceeds the maximum size."""


class ReplyBound:
    """Makes a connection of redis-py raise ReplyTooLarge for a reply of over ``most`` bytes.

    ``fed``: the bytes received since it was set to 0, which the caller does for each reply. It is a
    plain attribute because it is set for each reply of a batch.
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
    """A reader of hiredis that counts the bytes of one reply."""

    def __init__(self, reader: Any, bound: ReplyBound) -> None:
        self._reader = reader
        self._bound = bound
        self._feed = reader.feed
        self.gets = reader.gets

    def feed(self, data: Any, start: int, length: int) -> None:
        """Feed bytes to the reader. Raises ReplyTooLarge."""
        bound = self._bound
        bound.fed += length
        if bound.fed > bound.most:
            raise ReplyTooLarge(f"it has more than {bound.most:,} bytes")
        self._feed(data, start, length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)
