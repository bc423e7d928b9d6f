"""Large buffers of a value lie beside the packed value, not in it, so that they are not copied.

msgpack copies what it packs twice, and what it unpacks once. For the columns of a table that took
longer than everything else. So an encoder passes its buffer to `bulk`, and the packer gets a
placeholder. At the end, the pieces are joined, in one of two forms:

- *Inside*: each buffer takes the place of its placeholder, as msgpack would have written it. The
  bytes are the same as without this module, so every release reads them.
- *Apart*, if there is a buffer that is worth reading where it lies (a stream of Arrow, or an array
  of at least 1 MiB). Releases before this form refuse it:

      array of: head | document | padding | buffer | padding | buffer | …

  The document is the packed value, and has references in the place of its buffers. The padding puts
  each buffer at a multiple of 64 bytes. Such a buffer stays valid as long as the bytes of the whole
  value, which it keeps alive.

A reference is valid once and in order, so a value is never larger than its bytes say. While a value
is packed, a placeholder has 16 random bytes that never leave this process, so no other part of the
value can be mistaken for one.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack

from .errors import BrokenValue
from .wire import HEADS, Code

MIN_BYTES = 64 * 1024  # shorter ones cost more to find than to copy
_MAX_BYTES = 2**32 - 1  # of one buffer, in msgpack
_PLACEHOLDER = 127  # never written
_ALIGNMENT = 64
_HEAD = bytes(msgpack.packb(HEADS[Code.APART]))
_ARRAY_OF = b"\xdd"
_BYTES, _SHORT_BYTES = 0xC6, 0xC4  # with a length of four bytes, of one byte


class Buffer:
    """One buffer in several parts, as the packer's placeholder stands for it."""

    __slots__ = ("apart", "parts", "size")

    def __init__(self, parts: list[Any], *, apart: bool) -> None:
        self.parts = [memoryview(part).cast("B") for part in parts]
        self.size = sum([part.nbytes for part in self.parts])
        self.apart = apart


class _Local(threading.local):
    buffers: list[Buffer] | None = None
    token: bytes = b""
    pieces: Iterator[memoryview] = iter(())


_local = _Local()


# -- packing --------------------------------------------------------------------------------------


def bulk(parts: list[Any], *, apart: bool = False) -> object:
    """Return what the packer gets for bytes that are given in parts.

    ``apart``: whether it is worth reading the bytes where they lie.
    """
    buffer = Buffer(parts, apart=apart)
    buffers = _local.buffers
    if buffers is None or not MIN_BYTES <= buffer.size <= _MAX_BYTES:
        return b"".join(buffer.parts)
    buffers.append(buffer)
    return msgpack.ExtType(_PLACEHOLDER, _local.token)


def collect(packing: Callable[[], bytes]) -> list[Any]:
    """Return the pieces of what `packing` returns; joined, they are the packed value.

    `packing` may call user code, which may call `collect`.
    """
    outer = _local.buffers, _local.token
    buffers: list[Buffer] = []
    token = os.urandom(16)
    _local.buffers, _local.token = buffers, token
    try:
        packed = packing()
    finally:
        _local.buffers, _local.token = outer
    if not buffers:
        return [packed]
    texts = packed.split(msgpack.packb(msgpack.ExtType(_PLACEHOLDER, token)))
    joined = _apart if any(buffer.apart for buffer in buffers) else _inside
    return joined(texts, buffers)


def _inside(texts: list[bytes], buffers: list[Buffer]) -> list[Any]:
    pieces: list[Any] = [texts[0]]
    for buffer, text in zip(buffers, texts[1:], strict=True):
        pieces += (_start(buffer.size), *buffer.parts, text)
    return pieces


def _apart(texts: list[bytes], buffers: list[Buffer]) -> list[Any]:
    document = bytearray(texts[0])
    for number, text in enumerate(texts[1:]):
        document += msgpack.packb(msgpack.ExtType(int(Code.PIECE), number.to_bytes(4, "big")))
        document += text
    count = 2 + 2 * len(buffers)
    begin = _ARRAY_OF + count.to_bytes(4, "big") + _HEAD + _start(len(document))
    pieces: list[Any] = [begin, document]
    at = len(begin) + len(document)
    for buffer in buffers:
        padding = -(at + 7) % _ALIGNMENT
        pieces += (bytes((_SHORT_BYTES, padding)), bytes(padding), _start(buffer.size))
        pieces += buffer.parts
        at += 7 + padding + buffer.size
    return pieces


def _start(size: int) -> bytes:
    return bytes((_BYTES,)) + size.to_bytes(4, "big")


# -- unpacking ------------------------------------------------------------------------------------


def is_apart(data: bytes | memoryview) -> bool:
    """Return whether the buffers of a packed value lie apart."""
    return data[:1] == _ARRAY_OF and data[5 : 5 + len(_HEAD)] == _HEAD


@contextmanager
def apart(data: bytes | memoryview) -> Iterator[memoryview]:
    """Give the document of a value whose buffers lie apart; references to them are valid within.

    Raises BrokenValue unless each buffer is referred to once.
    """
    view = memoryview(data if type(data) is bytes else bytes(data))
    try:
        document, buffers = _read(view)
    except (struct.error, IndexError):
        raise BrokenValue("it is cut off") from None
    outer = _local.pieces
    _local.pieces = iter(buffers)
    try:
        yield document
        if next(_local.pieces, None) is not None:
            raise BrokenValue("it has bytes that are no part of it")
    finally:
        _local.pieces = outer


def document_of(data: bytes) -> memoryview:
    """Return the document of a value whose buffers lie apart. Raises BrokenValue."""
    try:
        return _read(memoryview(data))[0]
    except (struct.error, IndexError):
        raise BrokenValue("it is cut off") from None


def _read(view: memoryview) -> tuple[memoryview, list[memoryview]]:
    (count,) = struct.unpack_from(">I", view, 1)
    at = 5 + len(_HEAD)
    items: list[memoryview] = []
    for number in range(1, count):
        if number % 2 == 0:
            mark, size = view[at], view[at + 1]
            at += 2
        else:
            mark, size = struct.unpack_from(">BI", view, at)
            at += 5
        if mark != (_BYTES if number % 2 else _SHORT_BYTES):
            raise BrokenValue("it has bytes of an unknown form")
        if at + size > len(view):
            raise struct.error
        items.append(view[at : at + size])
        at += size
    if at != len(view) or count % 2 or not items:
        raise BrokenValue("it ends at another place than its bytes")
    return items[0], items[2::2]


def piece(_data: bytes) -> memoryview:
    """Return the buffer that a reference in the document stands for: the next one."""
    piece = next(_local.pieces, None)
    if piece is None:
        raise BrokenValue("it refers to bytes that it does not have")
    return piece
