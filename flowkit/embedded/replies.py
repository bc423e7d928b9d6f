"""Encode replies: the return value of a command as bytes of protocol 2 or 3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fakeredis._helpers import SimpleError, SimpleString


def encode(value: Any, protocol: int, parts: list[bytes]) -> None:
    """Append a reply's bytes to ``parts``."""
    if value is None:
        parts.append(b"_\r\n" if protocol == 3 else b"$-1\r\n")
    elif isinstance(value, bytes):
        parts.append(b"$%d\r\n%b\r\n" % (len(value), value))
    elif isinstance(value, int):
        parts.append(b":%d\r\n" % value)
    elif isinstance(value, (list, tuple)):
        _encode_items(b"*%d\r\n" % len(value), value, protocol, parts)
    elif isinstance(value, SimpleString):
        parts.append(b"+%b\r\n" % value.value)
    elif isinstance(value, SimpleError):
        text = value.value.replace("\r", " ").replace("\n", " ")
        parts.append(b"-%b\r\n" % text.encode("utf-8", "backslashreplace"))
    elif isinstance(value, dict):
        flat = [item for pair in value.items() for item in pair]
        head = b"%%%d\r\n" % len(value) if protocol == 3 else b"*%d\r\n" % len(flat)
        _encode_items(head, flat, protocol, parts)
    elif isinstance(value, float) and protocol == 3:
        parts.append(b",%r\r\n" % value)
    else:
        encode(str(value).encode("utf-8", "backslashreplace"), protocol, parts)


def _encode_items(head: bytes, items: Iterable[Any], protocol: int, parts: list[bytes]) -> None:
    parts.append(head)
    for item in items:
        encode(item, protocol, parts)
