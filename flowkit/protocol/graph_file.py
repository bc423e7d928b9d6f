"""A stored graph as a file: compressed or not, read sequentially, within an allowance.

A compressed graph ends with its stream. Additional bytes after it are refused.
"""

from __future__ import annotations

import zlib
from io import BytesIO

_ZLIB = 0x78  # the first byte of a compressed graph; msgpack begins a list otherwise


class Allowance:
    """How many more bytes one or several graphs may unpack to."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, size: int) -> None:
        """Subtract bytes. Raises ValueError if not enough are left."""
        self.left -= size
        if self.left < 0:
            raise ValueError("it unpacks to more bytes than are allowed")


class Inflated:
    """An unpacked graph as a file that is read once, sequentially.

    Only the current part is in memory. All parts are counted, since small parts may add up.
    """

    def __init__(self, data: bytes, allowance: Allowance) -> None:
        self._stream = zlib.decompressobj()
        self._rest = data
        self._allowance = allowance

    def read(self, size: int = 1) -> bytes:
        """Return at most ``size`` bytes, none at the end. Raises zlib.error, ValueError."""
        part = self._stream.decompress(self._rest, size)
        self._rest = self._stream.unconsumed_tail
        self._allowance.spend(len(part))
        if not part and not self._stream.eof:
            raise ValueError("it is truncated")
        if self._stream.unused_data:
            raise ValueError("bytes follow it that are not part of it")
        return part


GraphFile = Inflated | BytesIO


def open_graph(data: bytes, allowance: Allowance) -> GraphFile:
    """Return a stored graph as a file. Raises ValueError for empty data."""
    if not data:
        raise ValueError("it is empty")
    return Inflated(data, allowance) if data[0] == _ZLIB else BytesIO(data)
