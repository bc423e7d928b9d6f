"""From bytes to values: msgpack with the decoders of all codecs hung in.

`unpack` (codec.py) bounds the size before, and checks depth and stray marks afterwards.
msgpack keeps lists and dictionaries as they come; what starts with a mark becomes a typed value
as soon as its last item is read, so decoders get items that are built already.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack

from flowkit.protocol import (
    codec_arrays,
    codec_builtins,
    codec_classes,
    codec_frames,
    codec_hashing,
)
from flowkit.protocol.codec_errors import BrokenValue
from flowkit.protocol.codec_wire import Mark


def _marks(wrap: Callable[[Callable[[list[Any]], object]], Any]) -> dict[int, Mark]:
    plain = codec_builtins.DECODERS | codec_hashing.DECODERS
    plain |= codec_arrays.DECODERS | codec_frames.DECODERS
    classes = {code: wrap(decode) for code, decode in codec_classes.DECODERS.items()}
    return {int(code): Mark(decode) for code, decode in (plain | classes).items()}


def _revive_payload(marks: dict[int, Mark], code: int, data: bytes) -> object:
    mark = marks.get(code)
    if mark is not None and not data:
        return mark
    decode = codec_builtins.PAYLOADS.get(code)
    if decode is None:
        raise BrokenValue(
            f"it uses extension code {code}, which this version of flowkit does not know; "
            "read it with the version that wrote it, or a newer one"
        )
    return decode(data)


def _revive_array(items: list[Any]) -> object:
    """Turn an array that starts with a mark into the value it stands for."""
    if items and type(items[0]) is Mark:
        return items[0].revive(items[1:])
    return items


Reader = Callable[[bytes | memoryview], object]


def _readers(marks: dict[int, Mark]) -> tuple[Reader, Reader]:
    """Return the reader for most values, and the one for values that it refuses by ValueError.

    Text and bytes have random hashes: msgpack may build their dictionaries in C, and the first
    reader leaves it to that. The second one checks the keys of each dictionary.
    """
    read = partial(
        msgpack.unpackb,
        ext_hook=partial(_revive_payload, marks),
        list_hook=_revive_array,
        unicode_errors="surrogatepass",
    )
    first = partial(read, strict_map_key=True)
    second = partial(read, strict_map_key=False, object_pairs_hook=codec_hashing.build_dict)
    return first, second


STRICT = _readers(_marks(lambda decode: decode))
LENIENT = _readers(_marks(codec_classes.lenient))
