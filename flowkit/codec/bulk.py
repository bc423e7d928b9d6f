"""Large buffers are joined to a packed value at the end, instead of copied through the packer.

msgpack copies what it packs twice: into its own buffer, and from there into the result. For the
columns of a table that took longer than everything else. An encoder passes its buffer to `bulk`,
which returns a placeholder while `collect` runs. `splice` then replaces each placeholder by the
buffer, in the form that msgpack would have written. The bytes are the same either way.

A placeholder holds 16 random bytes that never leave this process, so no other part of a value can
be mistaken for one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import msgpack

MIN_BYTES = 64 * 1024  # shorter ones cost more to find than to copy
_MAX_BYTES = 2**32 - 1  # of one piece, in msgpack
_PLACEHOLDER = 127  # never written


class _Local(threading.local):
    pieces: list[Any] | None = None
    token: bytes = b""


_local = _Local()


def bulk(buffer: Any) -> object:
    """Return what the packer gets in place of a contiguous buffer of bytes."""
    view = memoryview(buffer)
    pieces = _local.pieces
    if pieces is None or not MIN_BYTES <= view.nbytes <= _MAX_BYTES:
        return view
    pieces.append(view)
    return msgpack.ExtType(_PLACEHOLDER, _local.token)


def collect(packing: Callable[[], bytes]) -> list[Any]:
    """Return the pieces of what `packing` returns; joined, they are the packed value.

    `packing` may call user code, which may call `collect`.
    """
    outer = _local.pieces, _local.token
    pieces: list[Any] = []
    _local.pieces, _local.token = pieces, os.urandom(16)
    try:
        packed = packing()
        return _splice(packed, pieces, _local.token)
    finally:
        _local.pieces, _local.token = outer


def _splice(packed: bytes, buffers: list[Any], token: bytes) -> list[Any]:
    """Replace the placeholders, which are in the order of the buffers."""
    if not buffers:
        return [packed]
    placeholder = msgpack.packb(msgpack.ExtType(_PLACEHOLDER, token))
    texts = packed.split(placeholder)
    pieces: list[Any] = [texts[0]]
    for buffer, text in zip(buffers, texts[1:], strict=True):
        pieces += (b"\xc6" + buffer.nbytes.to_bytes(4, "big"), buffer, text)
    return pieces
