"""Codecs of value types of the standard library.

An encoder turns a value into an extension or an array with a head (codec_wire.py); a decoder does
the reverse. Decoders get unchecked data and may raise any exception, which `unpack` turns into
`BrokenValue`. Only exact types are supported; subclasses are refused elsewhere, since they would
become their base.
"""

from __future__ import annotations

import re
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from itertools import chain
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from . import limits
from .bulk import piece
from .errors import BrokenValue, Unfit, human_size
from .wire import HEADS, Code, payload

_TWO_DOUBLES = struct.Struct("<dd")
_MICROSECOND = timedelta(microseconds=1)
_FLAVOURS: dict[type[PurePath], bytes] = {
    PurePosixPath: b"p",
    PureWindowsPath: b"w",
    PosixPath: b"P",
    WindowsPath: b"W",
}
_LONG_BITS = 63  # of an integer that msgpack packs itself, without its sign
_TUPLE = HEADS[Code.TUPLE]
# No dots: the loader reads files and searches packages that the key names.
_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")


def _encode_int(value: int) -> object:
    # msgpack only passes ints that do not fit in 64 bits.
    return payload(Code.BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _encode_path(value: PurePath) -> object:
    text = str(value).encode("utf-8", "surrogatepass")
    if len(text) > limits.MAX_PATH_BYTES:
        raise Unfit(
            f"is a path of {human_size(len(text))} and cannot be stored; the limit is "
            f"{human_size(limits.MAX_PATH_BYTES)}. Return its text: str(path)."
        )
    return payload(Code.PATH, _FLAVOURS[type(value)] + text)


def _decode_path(data: bytes) -> PurePath:
    if len(data) > limits.MAX_PATH_BYTES + 1:
        raise BrokenValue(f"a path of {human_size(len(data))}")
    text = data[1:].decode("utf-8", "surrogatepass")
    for kind, flavour in _FLAVOURS.items():
        if flavour == data[:1]:
            return kind(text)
    raise BrokenValue(f"unknown path flavour {data[:1]!r}")


def encode_zone(zone: tzinfo | None) -> list[object]:
    """Return the items of a tzinfo. Raises Unfit for a class that cannot be rebuilt."""
    if zone is None:
        return []
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset // _MICROSECOND, *name]
    zones = sys.modules.get("zoneinfo")
    if zones is not None and type(zone) is zones.ZoneInfo:
        key = getattr(zone, "key", None)  # None if it was read from a file
        if key is not None and is_zone_key(key):
            return [key]
    raise Unfit(
        f"has a time zone of {type(zone).__module__}.{type(zone).__qualname__}, which cannot be "
        "stored. Use a zoneinfo.ZoneInfo made from its key, or a datetime.timezone."
    )


def is_zone_key(key: str) -> bool:
    """Return whether a text may be the key of a zone, and names no file elsewhere."""
    return len(key) <= limits.MAX_ZONE_KEY and _ZONE_KEY.fullmatch(key) is not None


def decode_zone(items: list[Any]) -> tzinfo | None:
    """Return the tzinfo of the items of `encode_zone`."""
    if not items:
        return None
    if isinstance(items[0], str):
        from zoneinfo import (  # takes 3 ms, and few processes need it
            ZoneInfo,
            ZoneInfoNotFoundError,
        )

        (key,) = items
        if not is_zone_key(key):
            raise BrokenValue(f"{key[: limits.MAX_ZONE_KEY]!r} cannot be the key of a time zone")
        try:
            return ZoneInfo(key)
        except ZoneInfoNotFoundError:
            raise BrokenValue(
                f"the time zone {key!r} is unknown on this machine; install the tzdata package"
            ) from None
    offset, *name = items
    return timezone(timedelta(microseconds=offset), *name)


def zone_items(zone: Any) -> list[object]:
    """Return the items of a zone, as `encode_zone`; zones of pytz too, which pandas 2 makes."""
    key = getattr(zone, "zone", None)
    if type(zone).__module__.partition(".")[0] == "pytz" and key is not None and is_zone_key(key):
        return [key, "pytz"]
    return encode_zone(zone)


def zone_of(items: list[Any]) -> tzinfo | None:
    """Return the zone of the items of `zone_items`: of zoneinfo if pytz is not installed."""
    if len(items) == 2 and items[1] == "pytz" and isinstance(items[0], str):
        result = decode_zone(items[:1])  # checks the key
        try:
            import pytz
        except ImportError:
            return result
        made: tzinfo = pytz.timezone(items[0])
        return made
    return decode_zone(items)


def _encode_datetime(value: datetime) -> object:
    return [
        HEADS[Code.DATETIME],
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.fold,
        *encode_zone(value.tzinfo),
    ]


def _decode_datetime(items: list[Any]) -> datetime:
    year, month, day, *clock, fold = items[:8]
    hour, minute, second, microsecond = clock
    return datetime(
        year, month, day, hour, minute, second, microsecond, decode_zone(items[8:]), fold=fold
    )


def _encode_time(value: time) -> object:
    parts = (value.hour, value.minute, value.second, value.microsecond, value.fold)
    return [HEADS[Code.TIME], *parts, *encode_zone(value.tzinfo)]


def _decode_time(items: list[Any]) -> time:
    hour, minute, second, microsecond, fold = items[:5]
    return time(hour, minute, second, microsecond, decode_zone(items[5:]), fold=fold)


def _encode_range(value: range) -> object:
    bounds = (value.start, value.stop, value.step)
    if max(map(int.bit_length, bounds)) > _LONG_BITS:
        raise Unfit("is a range with a bound beyond 64 bits and cannot be stored.")
    return [HEADS[Code.RANGE], *bounds]


def _decode_range(items: list[Any]) -> range:
    start, stop, step = items
    if not {type(start), type(stop), type(step)} == {int}:
        raise BrokenValue("a range whose bounds are no integers")
    return range(start, stop, step)


def _exactly(count: int, make: Callable[..., object]) -> Callable[[list[Any]], object]:
    """Wrap a constructor so that it requires the exact number of items."""

    def decode(items: list[Any]) -> object:
        if len(items) != count:
            raise BrokenValue(f"{len(items)} items instead of {count}")
        return make(*items)

    return decode


def _head(code: Code, items: Callable[[Any], Iterable[object]]) -> Callable[[Any], object]:
    head = HEADS[code]
    return lambda value: [head, *items(value)]


ENCODERS: dict[type, Callable[[Any], object]] = {
    int: _encode_int,
    bytearray: lambda value: payload(Code.BYTEARRAY, bytes(value)),
    complex: lambda value: payload(Code.COMPLEX, _TWO_DOUBLES.pack(value.real, value.imag)),
    Decimal: lambda value: payload(Code.DECIMAL, str(value).encode("ascii")),
    UUID: lambda value: payload(Code.UUID, value.bytes),
    **dict.fromkeys(_FLAVOURS, _encode_path),
    tuple: lambda value: [_TUPLE, *value],
    set: _head(Code.SET, iter),
    frozenset: _head(Code.FROZENSET, iter),
    OrderedDict: _head(Code.ORDERED_DICT, lambda value: chain.from_iterable(value.items())),
    datetime: _encode_datetime,
    date: _head(Code.DATE, lambda value: (value.year, value.month, value.day)),
    time: _encode_time,
    range: _encode_range,
    timedelta: _head(Code.TIMEDELTA, lambda value: (value.days, value.seconds, value.microseconds)),
}

PAYLOADS: dict[int, Callable[[bytes], object]] = {
    Code.BIG_INT: lambda data: int.from_bytes(data, "little", signed=True),
    Code.BYTEARRAY: bytearray,
    Code.COMPLEX: lambda data: complex(*_TWO_DOUBLES.unpack(data)),
    Code.DECIMAL: lambda data: Decimal(data.decode("ascii")),
    Code.UUID: lambda data: UUID(bytes=data),
    Code.PATH: _decode_path,
    Code.PIECE: piece,
}

DECODERS: dict[int, Callable[[list[Any]], object]] = {
    Code.TUPLE: tuple,
    Code.DATETIME: _decode_datetime,
    Code.DATE: _exactly(3, date),
    Code.TIME: _decode_time,
    Code.RANGE: _decode_range,
    Code.TIMEDELTA: _exactly(3, timedelta),
}
