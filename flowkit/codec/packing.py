"""The codec of values that cross process borders: `pack` to bytes, `unpack` to an equal value.

The format is msgpack with the extension codes of codec_wire.py. Invariants:

- For a value that `pack` accepts, `unpack` returns an equal value of the same types. A value that
  would silently change (a defaultdict, a str subclass, a generator) is refused with its path and
  the conversion to use. Identity is not kept: an object that occurs twice becomes two objects.
- `unpack` raises only `BrokenValue`, for any bytes. It runs no code from the bytes and imports no
  module that they name. They can only cause an import of numpy, pandas or the time zone data, if
  they contain such a value. codec_classes.py says which code of users' classes runs.
- Time and memory of `unpack` are proportional to the bytes. The worst factors are 0.5 µs and 90
  bytes per byte for plain data (lists of empty lists or dictionaries), and 10 µs and 100 bytes
  per byte for pandas values (a list of empty range indexes). msgpack may temporarily take 80 MB in
  addition. Insufficient memory is a `BrokenValue`; in `pack`, an `UnpackableValue`.
- Depth (MAX_DEPTH levels of containers) and size are limited in both directions.

Speed, 2 cores, Python 3.11: an int takes 0.2 µs (unpacking: 0.4), a list of three 0.6 µs (0.8). A
list of 110,000 floats (1 MB) packs in 3.7 ms and unpacks in 3.8 ms, twice the time of bare msgpack.
The path of a refused part is only searched after the refusal (codec_explain.py).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, cast

import msgpack

from ..basics.again import Again
from ..basics.display_text import text_of
from ..basics.shorten import shorten
from . import arrow_values, object_arrays, polars_values, typed_frames
from . import builtins as codec_builtins
from . import classes as codec_classes
from .bulk import apart, collect, is_apart
from .decoding import INERT, LENIENT, STRICT, Decoder
from .describe import describe
from .errors import BrokenValue, CodecError, Unfit, UnpackableValue, ValueTooLarge, human_size
from .explain import find_fault, refusal, too_large, type_name
from .limits import DEFAULT_MAX_BYTES, MAX_DEPTH, MAX_FAULT
from .provenance import is_signed
from .survey import PLAIN, TooBig, TooDeep, family, survey
from .wire import HeadMark, cached_by_class

__all__ = [
    "DEFAULT_MAX_BYTES",
    "MAX_DEPTH",
    "BrokenValue",
    "CodecError",
    "UnpackableValue",
    "ValueTooLarge",
    "describe",
    "pack",
    "unpack",
]

# msgpack packs these itself, as another type.
_MISTAKEN = frozenset({memoryview, msgpack.ExtType, msgpack.Timestamp})
_KEPT_BUFFER = 1024 * 1024
_FLAT_ITEMS = 64  # few enough to pack without adding up their sizes first


def pack(value: object, *, max_bytes: int = DEFAULT_MAX_BYTES, root: str = "result") -> bytes:
    """Return `value` as bytes.

    Args:
        value: plain data, or any type listed in codec_wire.py.
        max_bytes: the largest allowed packed size.
        root: what error messages call the value.

    Raises:
        UnpackableValue: a part of it has no codec, contains itself, or is nested too deeply.
        ValueTooLarge: its packed form exceeds `max_bytes`.
    """
    try:
        pieces = [_bare_pack(value)] if type(value) in PLAIN else _checked_pack(value, max_bytes)
        size = sum([memoryview(piece).nbytes for piece in pieces])
        if size <= max_bytes:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        del pieces
    except TooBig as error:
        size = error.at_least
    except MemoryError:
        raise _no_memory(value, root) from None
    except Exception as error:
        raise _explained(_fault, value, root, error) from None
    raise _explained(_fault_or_too_large, value, root, size, max_bytes)


def unpack(
    data: bytes | memoryview,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    lenient: bool = False,
    inert: bool = False,
) -> object:
    """Return the value that was packed as `data`.

    Args:
        data: bytes from any source; they need not be trusted.
        max_bytes: the largest accepted size.
        lenient: for display: records of unknown classes become dicts, unknown enums text.
        inert: for display, without using any class or library (codec/inert.py).

    Raises:
        BrokenValue: the bytes are malformed, too large, nested too deeply, or name a class that
            is not loaded or has changed.
    """
    size = memoryview(data).nbytes
    if size > max_bytes:
        raise BrokenValue(
            f"The stored value is {human_size(size)}, and the limit for reading is "
            f"{human_size(max_bytes)}. Raise the limit: FLOWKIT_MAX_RESULT_BYTES."
        )
    try:
        value = _decoded(data, INERT if inert else LENIENT if lenient else STRICT)
        if not (type(value) in PLAIN or _is_flat(value)):
            _check_unpacked(value)
    except BrokenValue as error:
        fault = shorten(str(error), MAX_FAULT)
        raise BrokenValue(f"The stored value cannot be read: {fault}.") from None
    except Exception as error:
        raise BrokenValue(_why_broken(data, error)) from error
    return value


def _decoded(data: bytes | memoryview, decoders: tuple[Decoder, Decoder]) -> object:
    first, second = decoders
    try:
        return _read(first, data)
    except ValueError:
        return _read(second, data)


def _read(decode: Decoder, data: bytes | memoryview) -> object:
    if not is_apart(data):
        return decode(data)
    with apart(data) as document:
        return decode(document)


def _why_broken(data: bytes | memoryview, error: Exception) -> str:
    if is_signed(data):
        return (
            "The stored value is signed, and this process has no signing key. Give it the "
            "FLOWKIT_SIGNING_KEY of the process that wrote the value. A user who must not hold the "
            "key, such as a viewer, cannot read signed values."
        )
    return (
        "The stored value cannot be read: it is damaged, or was not written by flowkit "
        f"({type_name(type(error))}: {describe(text_of(error, '?'))})."
    )


def _checked_pack(value: object, max_bytes: int) -> list[bytes]:
    """Return the pieces of the packed value."""
    if _is_flat(value):
        return [_bare_pack(value)]
    kinds = survey(value, max_bytes)
    if kinds & _MISTAKEN:
        raise Unfit("cannot be stored")
    pack_it = partial(_pack_with_bytearrays if bytearray in kinds else _bare_pack, value)
    return collect(pack_it) if any(map(family, kinds)) else [pack_it()]


def _pack_with_bytearrays(value: object) -> bytes:
    packer = _new_packer(lambda item: _mark_bytearrays(_encode(item)))
    return cast(bytes, packer.pack(_mark_bytearrays(value)))


def _is_flat(value: object) -> bool:
    """Return whether a value is a short list or dict of plain items, without a survey."""
    if type(value) is list:
        return len(value) <= _FLAT_ITEMS and PLAIN.issuperset(map(type, value))
    return (
        type(value) is dict
        and len(value) <= _FLAT_ITEMS
        and PLAIN.issuperset(map(type, value))
        and PLAIN.issuperset(map(type, value.values()))
    )


def _encode(value: object) -> object:
    """Return what msgpack packs instead of a value of an unknown type. Raises Unfit."""
    kind = type(value)
    encoder = codec_builtins.ENCODERS.get(kind) or _encoder_for(kind)
    if encoder is None:
        raise refusal(value)
    return encoder(value)


@cached_by_class
def _encoder_for(kind: type) -> Callable[[Any], object] | None:
    if kind is Again:  # no value, but the end of an attempt
        return None
    if issubclass(kind, Enum):
        return codec_classes.encode_enum
    if codec_classes.is_named_tuple(kind):
        return codec_classes.encode_named_tuple
    if codec_classes.is_dataclass_type(kind):
        return codec_classes.encode_dataclass
    match family(kind):
        case "numpy":
            return object_arrays.encoder_for(kind)
        case "pandas":
            return typed_frames.encoder_for(kind)
        case "pyarrow":
            return arrow_values.encoder_for(kind)
        case "polars":
            return polars_values.encoder_for(kind)
        case _:
            return None


def _new_packer(encode: Callable[[object], object]) -> Any:
    return msgpack.Packer(default=encode, strict_types=True, unicode_errors="surrogatepass")


# A packer is removed while it is used: threads, signal handlers and encoders that call user code
# each get their own. list.pop and list.append are atomic.
_idle_packers: list[Any] = []


def _bare_pack(value: object) -> bytes:
    try:
        packer = _idle_packers.pop()
    except IndexError:
        packer = _new_packer(_encode)
    packed: bytes = packer.pack(value)
    # After an error, or with a large buffer, it is discarded.
    if len(packed) < _KEPT_BUFFER:
        _idle_packers.append(packer)
    return packed


def _mark_bytearrays(value: object) -> object:
    """Return `value` with encoded bytearrays, which msgpack would otherwise pack as bytes.

    It descends only into lists and dicts: msgpack asks for the encoding of other containers.
    """
    if type(value) is bytearray:
        return codec_builtins.ENCODERS[bytearray](value)
    if type(value) is list:
        return [_mark_bytearrays(item) for item in value]
    if type(value) is dict:
        return {key: _mark_bytearrays(item) for key, item in value.items()}
    return value


def _ask_codec(value: object) -> object:
    """Encode one value for the path search; its parts are searched on their own."""
    if type(value) in _MISTAKEN:
        raise refusal(value)
    return _encode(value)


def _no_memory(value: object, root: str) -> CodecError:
    reason = "does not fit into the memory of this process while it is packed. Return less of it."
    return UnpackableValue(root, type_name(type(value)), reason)


def _explained(
    search: Callable[..., CodecError], value: object, root: str, *about: Any
) -> CodecError:
    try:
        return search(value, root, *about)
    except MemoryError:
        return _no_memory(value, root)


def _fault(value: object, root: str, error: Exception) -> CodecError:
    fault = find_fault(value, root, _ask_codec)
    if fault is not None:
        return fault
    # The value is valid now: it changed while it was being packed.
    reason = f"could not be packed ({describe(error)}). Return a value that does not change."
    return UnpackableValue(root, type_name(type(value)), reason)


def _fault_or_too_large(value: object, root: str, size: int, limit: int) -> CodecError:
    fault = find_fault(value, root, _ask_codec)
    if fault is not None:
        return fault
    return too_large(value, root, size=size, limit=limit, measure=_measure)


def _measure(value: object) -> int:
    return len(_bare_pack(value))


def _check_unpacked(value: object) -> None:
    """Check what the hooks cannot: depth across extensions, and misplaced marks."""
    try:
        kinds = survey(value)
    except TooDeep:
        raise BrokenValue(f"it is nested deeper than {MAX_DEPTH} levels") from None
    if not kinds.isdisjoint({HeadMark, msgpack.Timestamp, memoryview}):
        raise BrokenValue("an extension is not at the place of a value")
