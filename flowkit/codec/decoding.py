"""Decoding of bytes to values: msgpack with the decoders of all codecs.

`unpack` (codec.py) first checks the size, and afterwards the depth and misplaced marks. msgpack
decodes plain lists and dictionaries. An array that starts with a mark becomes a typed value when
its last item has been read, so decoders get decoded items.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack

from . import arrays as codec_arrays
from . import (
    arrow_values,
    object_arrays,
    pandas_arrays,
    pandas_scalars,
    polars_values,
    typed_frames,
)
from . import builtins as codec_builtins
from . import classes as codec_classes
from . import frames as codec_frames
from . import hashing as codec_hashing
from . import inert as codec_inert
from .errors import BrokenValue
from .wire import HeadMark


def _marks(wrap: Callable[[Callable[[list[Any]], object]], Any]) -> dict[int, HeadMark]:
    plain = codec_builtins.DECODERS | codec_hashing.DECODERS
    plain |= codec_arrays.DECODERS | object_arrays.DECODERS | arrow_values.DECODERS
    plain |= polars_values.DECODERS
    plain |= codec_frames.DECODERS | typed_frames.DECODERS
    plain |= pandas_arrays.DECODERS | pandas_scalars.DECODERS
    classes = {code: wrap(decode) for code, decode in codec_classes.DECODERS.items()}
    return {int(code): HeadMark(decode) for code, decode in (plain | classes).items()}


def _inert_marks() -> dict[int, HeadMark]:
    plain = codec_builtins.DECODERS | codec_hashing.DECODERS
    return {int(code): HeadMark(decode) for code, decode in (codec_inert.DECODERS | plain).items()}


def _revive_payload(marks: dict[int, HeadMark], code: int, data: bytes) -> object:
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
    """Turn an array that starts with a mark into its typed value."""
    if items and type(items[0]) is HeadMark:
        return items[0].revive(items[1:])
    return items


Decoder = Callable[[bytes | memoryview], object]


def _decoders(marks: dict[int, HeadMark]) -> tuple[Decoder, Decoder]:
    """Return the decoder for most values, and the one for values that it refuses by ValueError.

    Text and bytes have random hashes, so the first decoder lets msgpack build their dictionaries in
    C. The second one checks the keys of each dictionary.
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


STRICT = _decoders(_marks(lambda decode: decode))
LENIENT = _decoders(_marks(codec_classes.lenient))
INERT = _decoders(_inert_marks())
