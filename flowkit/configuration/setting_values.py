"""The values that settings may have: each function parses one kind, or raises ValueError.

The error says what to give. ``settings`` adds the name of the setting and where its value is from.
"""

from __future__ import annotations

import re

from ..basics.log_level import LogLevel
from ..basics.names import NAMESPACE
from .quantities import DAY_S, duration, size

MAX_RESULT_TTL_S = 3650 * DAY_S
# Redis refuses a longer string.
MAX_VALUE_BYTES = 512 * 2**20
MAX_LOG_BYTES = 2**40
MAX_PATTERNS, MAX_PATTERN = 100, 2000

_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
_BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}


def parse_namespace(raw: object) -> str:
    """Return a namespace of Redis keys."""
    if isinstance(raw, str) and NAMESPACE.fullmatch(raw):
        return raw
    raise ValueError("give 1 to 64 of the characters A-Z a-z 0-9 _ . -")


def parse_result_ttl(raw: object) -> int:
    """Return how long an ended run is kept, in seconds."""
    value = duration(raw)
    if value is None or not 1 <= value <= MAX_RESULT_TTL_S:
        raise ValueError("give seconds, or '90s', '30m', '12h', '7d'; from 1s to 3650d")
    return int(value)


def parse_lease(raw: object) -> float:
    """Return the lease of a worker, in seconds."""
    value = duration(raw)
    if value is None or not 0.1 <= value <= DAY_S:
        raise ValueError("give seconds, or '10s', '2m'; from 0.1s to 1d")
    return value


def parse_function_timeout(raw: object) -> float:
    """Return how long a task waits for its function, in seconds."""
    value = duration(raw)
    if value is None or not 0 <= value <= MAX_RESULT_TTL_S:
        raise ValueError("give seconds, or '90s', '30m', '12h'; 0 waits forever, the most is 3650d")
    return value


def parse_max_bytes(raw: object) -> int:
    """Return the limit of a packed value, in bytes."""
    value = size(raw)
    if value is None or not 1 <= value <= MAX_VALUE_BYTES:
        raise ValueError("give bytes, or '500KB', '64MB', '64MiB'; from 1 to 512MiB")
    return int(value)


def parse_level(raw: object) -> str:
    """Return the name of a level of the log."""
    if isinstance(raw, str) and raw.strip().upper() in LogLevel.__members__:
        return raw.strip().upper()
    raise ValueError(f"use one of {', '.join(LogLevel.__members__)}")


def parse_bool(raw: object) -> bool:
    """Return a switch."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in _BOOLEANS:
        return _BOOLEANS[raw.strip().lower()]
    raise ValueError("use true or false (also yes/no, on/off, 1/0)")


def parse_log_bytes(raw: object) -> int:
    """Return how many bytes of lines are kept."""
    value = size(raw)
    if value is None or not 1024 <= value <= MAX_LOG_BYTES:
        raise ValueError("give bytes, or '500KB', '64MB', '1MiB'; from 1KiB to 1TB")
    return int(value)


def parse_patterns(raw: object) -> tuple[str, ...]:
    """Return regular expressions: from a list, or from a text with one per line."""
    if isinstance(raw, str):
        raw = [line.strip() for line in raw.splitlines() if line.strip()]
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) for item in raw):
        raise ValueError("give regular expressions: a list, or one per line of a text")
    if len(raw) > MAX_PATTERNS or any(len(item) > MAX_PATTERN for item in raw):
        raise ValueError(f"give at most {MAX_PATTERNS} patterns of {MAX_PATTERN} characters")
    for item in raw:
        try:
            pattern = re.compile(item)
        except re.error as error:
            raise ValueError(f"{item!r} is no regular expression: {error}") from None
        if pattern.groupindex or re.search(r"(?<!\\)\\[1-9]", item):
            raise ValueError(f"{item!r} has a named group or a reference to a group; use (?:…)")
        if pattern.match(""):
            raise ValueError(f"{item!r} matches an empty text, and so between all characters")
    return tuple(raw)
