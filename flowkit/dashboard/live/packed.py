"""Events as streams send them: as text, or compressed once for all pages.

A gzip stream may consist of parts that were compressed apart, as long as each ends on a whole byte
and refers to nothing before it. So an event is compressed once, however many pages get it, and a
stream keeps no state of a compressor, which would take 256 kB: only a checksum and a length.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

LEVEL = 5  # a tenth larger than the best, in half of its time
_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_LAST_BLOCK = b"\x03\0"


@dataclass(frozen=True, slots=True)
class Packed:
    """Some text of a stream, and the same text as a part of a deflate stream."""

    text: bytes
    deflated: bytes


def packed(text: str) -> Packed:
    """Return a text for streams."""
    data = text.encode()
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return Packed(data, compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH))


def event(name: str, told: Any) -> Packed:
    """Return a server-sent event. ``name``: its id, with which a page continues after it."""
    return packed(f"id: {name}\ndata: {json.dumps(told, separators=(',', ':'))}\n\n")


class PlainStream:
    """Sends texts as they are."""

    head = tail = b""

    def send(self, item: Packed) -> bytes:
        """Return the bytes of a part."""
        return item.text


class GzipStream:
    """Sends texts as one gzip stream. ``head`` comes first, ``tail`` last."""

    head = _HEAD

    def __init__(self) -> None:
        self._checksum = 0
        self._length = 0

    def send(self, item: Packed) -> bytes:
        """Return the bytes of a part."""
        self._checksum = zlib.crc32(item.text, self._checksum)
        self._length += len(item.text)
        return item.deflated

    @property
    def tail(self) -> bytes:
        """What ends the stream after all parts that were sent."""
        return _LAST_BLOCK + struct.pack("<II", self._checksum, self._length & 0xFFFFFFFF)
