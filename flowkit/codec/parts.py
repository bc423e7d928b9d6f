"""The values of a packed dict one by one, as bytes: to copy some of them without decoding any.

A run is submitted again with the parameters of an earlier one, by a process that may lack the
classes of their values. So the values are not built: their bytes are copied as they are. The worker
that uses them decodes them as strictly as any others.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgpack

from .bulk import document_of, is_apart
from .errors import BrokenValue, human_size
from .wire import Code

MOST_PARTS = 10_000  # more, of a few bytes each, would take a hundred times their memory
LONGEST_NAME = 1_000  # characters
# Values of these have the same text everywhere. A class, or a library, is in none of them.
_BUILTINS = frozenset(
    {Code.BIG_INT, Code.DECIMAL, Code.UUID, Code.PATH}
    | {Code.TUPLE, Code.SET, Code.FROZENSET}
    | {Code.DATETIME, Code.DATE, Code.TIME, Code.TIMEDELTA}
)


def is_divisible(packed: bytes) -> bool:
    """Return whether the values of a packed dict can be copied one by one: no bytes lie apart."""
    return not is_apart(packed)


def split(packed: bytes) -> dict[str, bytes]:
    """Return the packed values of a packed dict, by its keys. b"" is an empty one.

    Raises BrokenValue for what is not a dict with texts as keys, and for more of them, or longer
    ones, than the parameters of a run have.
    """
    if not packed:
        return {}
    try:
        unpacker = msgpack.Unpacker(
            max_buffer_size=len(packed) + 1, unicode_errors="surrogatepass", strict_map_key=True
        )
        unpacker.feed(packed)
        parts: dict[str, bytes] = {}
        count = unpacker.read_map_header()
        if count > MOST_PARTS:
            raise ValueError(f"it has {count:,} values")
        for _ in range(count):
            name = unpacker.unpack()
            start = unpacker.tell()
            unpacker.skip()
            if not isinstance(name, str) or name in parts:
                raise ValueError("a name is not text, or occurs twice")
            if len(name) > LONGEST_NAME:
                raise ValueError(f"a name has {len(name):,} characters")
            parts[name] = packed[start : unpacker.tell()]
        if unpacker.tell() != len(packed):
            raise ValueError("bytes follow it")
    except Exception as error:  # msgpack has many
        why = str(error)[:200] or type(error).__name__
        raise BrokenValue(f"The stored value cannot be read: it is no dict ({why}).") from None
    return parts


def names_of(packed: bytes) -> list[str]:
    """Return the keys of a packed dict, also of one whose buffers lie apart.

    Raises BrokenValue as ``split`` does. Values are not checked.
    """
    return list(split(packed if is_divisible(packed) else _document(packed)))


def check_decodable(packed: bytes, most: int) -> None:
    """Raise BrokenValue if more than ``most`` bytes of a value lie beside its buffers.

    Decoding takes up to a hundred times the memory of these bytes.
    """
    size = len(_document(packed))
    if size > most:
        raise BrokenValue(
            f"The stored value cannot be read: {human_size(size)} would have to be decoded, and "
            f"the limit is {human_size(most)}."
        )


def _document(packed: bytes) -> bytes:
    """Return the packed value without the buffers that lie apart. Raises BrokenValue."""
    try:
        return bytes(document_of(packed))
    except BrokenValue as error:
        raise BrokenValue(f"The stored value cannot be read: {error}.") from None


def join(parts: Mapping[str, bytes]) -> bytes:
    """Return the packed dict of packed values, b"" for none."""
    if not parts:
        return b""
    packer = msgpack.Packer(unicode_errors="surrogatepass")
    pieces = [packer.pack_map_header(len(parts))]
    for name, part in parts.items():
        pieces += [packer.pack(name), part]
    return b"".join(pieces)


def is_builtin(part: bytes) -> bool:
    """Return whether a packed value consists of built-in types only, whose text says all of it.

    It takes 100 bytes of memory for each byte at most, so ask it of small values.
    """
    codes: set[int] = set()

    def note(code: int, data: bytes) -> None:
        codes.add(code)

    try:
        msgpack.unpackb(part, ext_hook=note, strict_map_key=False, unicode_errors="surrogatepass")
    except Exception:
        return False
    return codes <= _BUILTINS
