"""Hostile bytes, numbers, names and values, drawn from a random generator that is handed in."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgpack

from flowkit.codec.packing import pack

Rng = random.Random
MERSENNE = 2**61 - 1  # what Python hashes integers by: multiples of it all collide

ODD_TEXTS = (
    b"", b" ", b",", b"|", b"\r", b"\n", b"\r\n", b"\x00", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80",
    b"nan", b"NaN", b"inf", b"-inf", b"-1", b"0x10", b"1e400", b"None", b"true", b"[]", b"{}",
    b"a,b", b"a b", b"a|b", b"a\rkill 1", b"a\nclaimers 9", b"\x1b]0;title\x07", b"\x1b[31mred",
    "\u202egnirts".encode(), "\uff11\u0663".encode(), b"__class__", b"os:system", b"../etc/passwd",
    b"*" * 300, b"_" * 40_000, b"~async", b"{honest}:cursor", b"%s%n", b"\x80\x04.", b"0-0", b"-",
)  # fmt: skip
ODD_NUMBERS = (
    b"0", b"-0", b"-1", b"1", b"2147483648", b"4294967296", b"9223372036854775807",
    b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809", b"1e308", b"1e400",
    b"nan", b"inf", b"-inf", b"1.5", b"0x1f", b" 1", b"1 ", b"+1", b"1_000", b"", b"00001",
    "\uff11".encode(), b"9" * 30, b"9" * 400, b"9" * 5000, b"-" + b"9" * 5000,
)  # fmt: skip
# What may stand behind a name that is otherwise an honest one.
ODD_ENDINGS = (
    "", "", "", "|x", " x", ",x", "\r", "\nx", "\x00", "\udcff\udcfe", ":tasks", ":tasks:results",
    "{x}", "}", ".", "..", "\x1b[31m", "x" * 400, "\u202e", ":", "@", "/", "\\", "'\"", "~async",
)  # fmt: skip


def junk(rng: Rng) -> bytes:
    """Draw bytes that are anything."""
    luck = rng.random()
    if luck < 0.5:
        return rng.choice(ODD_TEXTS)
    if luck < 0.7:
        return number(rng)
    if luck < 0.95:
        return rng.randbytes(rng.choice((1, 2, 5, 20, 200)))
    return rng.choice((b"x", b"9", b" ", b"\x00", b"1,")) * rng.choice((1_000, 10_000, 100_000))


def number(rng: Rng) -> bytes:
    """Draw the text of a number, or of what somebody could take for one."""
    return rng.choice(ODD_NUMBERS)


def ending(rng: Rng) -> str:
    """Draw what makes a name an odd one; half-surrogates stand for bytes that are no text."""
    return rng.choice(ODD_ENDINGS)


def mutated(rng: Rng, data: bytes, times: int = 2) -> bytes:
    """Change honest bytes a little."""
    for _ in range(rng.randint(1, times)):
        data = rng.choice(_MUTATIONS)(rng, data)
    return data


def _flip(rng: Rng, data: bytes) -> bytes:
    if not data:
        return b"\x01"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _cut(rng: Rng, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _without(rng: Rng, data: bytes) -> bytes:
    first = rng.randrange(len(data) + 1)
    return data[:first] + data[first + rng.randint(1, 8) :]


def _with(rng: Rng, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + junk(rng) + data[at:]


def _twice(rng: Rng, data: bytes) -> bytes:
    first = rng.randrange(len(data) + 1)
    last = min(len(data), first + rng.randint(1, 30))
    return data[:last] + data[first:last] * rng.choice((1, 1, 100)) + data[last:]


def _other_number(rng: Rng, data: bytes) -> bytes:
    places = [at for at, char in enumerate(data[:4000]) if 48 <= char < 58]
    if not places:
        return data + number(rng)
    first = rng.choice(places)
    last = first
    while last < len(data) and 48 <= data[last] < 58:
        last += 1
    return data[:first] + number(rng) + data[last:]


def _swap_parts(rng: Rng, data: bytes) -> bytes:
    separator = rng.choice((b",", b" ", b":"))
    parts = data.split(separator)
    rng.shuffle(parts)
    return separator.join(parts)


_MUTATIONS: tuple[Callable[[Rng, bytes], bytes], ...] = (
    _flip, _cut, _without, _with, _twice, _other_number, _swap_parts,
)  # fmt: skip


# -- packed values ------------------------------------------------------------------------------


def reshaped(rng: Rng, packed: bytes) -> bytes:
    """Replace one part of a packed value by another; what cannot be read is mutated as bytes."""
    try:
        tree = msgpack.unpackb(packed, ext_hook=msgpack.ExtType, strict_map_key=False)
        return bytes(msgpack.packb(_with_other_part(rng, tree), unicode_errors="surrogatepass"))
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return mutated(rng, packed)


def _with_other_part(rng: Rng, tree: Any) -> Any:
    if isinstance(tree, list) and tree and rng.random() < 0.85:
        at = rng.randrange(len(tree))
        luck = rng.random()
        if luck < 0.1:
            return [*tree[:at], tree[at], *tree[at:]]
        if luck < 0.2:
            return [*tree[:at], *tree[at + 1 :]]
        return [*tree[:at], _with_other_part(rng, tree[at]), *tree[at + 1 :]]
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        key = rng.choice(list(tree))
        return {**tree, key: _with_other_part(rng, tree[key])}
    return rng.choice(
        (None, True, -1, 0, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan"), float("inf"), "", b"",
         "a,b", "x" * 5000, [], {}, [[]], {"": {}}, "os:system", "O", "S2000000000", "\x1b]0;x\x07",
         msgpack.ExtType(1, b"\xff" * 3000), msgpack.ExtType(99, b""), msgpack.ExtType(33, b""))
    )  # fmt: skip


def bomb(rng: Rng) -> bytes:
    """Draw a packed value that is small, and costs much to read or names what it should not."""
    return rng.choice(_BOMBS)()


def _head(code: int, *items: object) -> bytes:
    return bytes(msgpack.packb([msgpack.ExtType(code, b""), *items]))


def _payload(code: int, data: bytes) -> bytes:
    return bytes(msgpack.packb(msgpack.ExtType(code, data)))


_EMPTY_ARRAY = [msgpack.ExtType(43, b""), "<i8", "C", b"", 0]
_LONG_RANGE = [msgpack.ExtType(46, b""), 0, 2 * 10**8, 1, None]  # 1.6 GB, if it is filled
_BOMBS: tuple[Callable[[], bytes], ...] = (
    lambda: b"\x91" * 100_000,
    lambda: b"\x81\x01" * 50_000,
    lambda: b"\xdd\xff\xff\xff\xff",
    lambda: b"\xdf\x7f\xff\xff\xff",
    lambda: b"\xc6\xff\xff\xff\xff",
    lambda: b"\xdd\x00\x0f\x42\x40" + b"\xc0" * 1_000_000,
    lambda: b"\xdd\x00\x0f\x42\x40" + b"\x90" * 1_000_000,
    lambda: _head(34, *_colliding(20_000)),
    lambda: _head(47, "<i8", _EMPTY_ARRAY, None, _LONG_RANGE, {}),
    lambda: _head(47, "float64", 5, None, _LONG_RANGE, {}),
    lambda: _head(47, "object", None, None, _LONG_RANGE, {}),
    lambda: _head(46, 0, 2**62, 1, None),
    lambda: _head(46, 0, 10, 0, None),
    lambda: _head(48, _LONG_RANGE, _LONG_RANGE, {}, "<i8", _EMPTY_ARRAY),
    lambda: _head(43, "<f8", "C", b"", 2**31, 2**31),
    lambda: _head(43, "<f8", "C", b"", 0, 2**62),
    lambda: _head(43, "V0", "C", b"", 2**40),
    lambda: _head(43, "S2000000000", "C", b"", 1),
    lambda: _head(43, "O", "C", b"\x00" * 8, 1),
    lambda: _head(44, "U", "x" * 100_000),
    lambda: _payload(1, b"\xff" * 1_000_000),
    lambda: _payload(4, b"1e999999999999999999"),
    lambda: _payload(4, b"9" * 1_000_000),
    lambda: _payload(6, b"\x00" + b"/" * 100_000),
    lambda: _head(40, "os:system", "x"),
    lambda: _head(41, "subprocess:Popen", "args", "id"),
    lambda: _head(42, "builtins:eval", "x", "1"),
    lambda: _head(36, 2026, 1, 1, 0, 0, 0, 0, 0, "../../../etc/passwd"),
    lambda: _head(36, 2026, 1, 1, 0, 0, 0, 0, 0, 2**60, "x"),
    lambda: _head(39, 10**12, 0, 0),
)


def _colliding(count: int) -> list[object]:
    """Return packed integers that a set can only hold in quadratic time."""
    values = []
    for at in range(1, count + 1):
        number = at * MERSENNE
        size = (number.bit_length() + 8) // 8
        values.append(msgpack.ExtType(1, number.to_bytes(size, "little", signed=True)))
    return values


def packed_value(rng: Rng, honest: list[bytes]) -> bytes:
    """Draw what may stand where a packed value belongs: a bomb, junk or a near-miss."""
    luck = rng.random()
    if luck < 0.4:
        return bomb(rng)
    if luck < 0.55:
        return junk(rng)
    known = honest or [pack([1, {"a": (2, 3)}])]
    return (reshaped if luck < 0.85 else mutated)(rng, rng.choice(known))
