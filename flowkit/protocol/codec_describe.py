"""A short, safe text for any value: error messages, logs and the command line."""

from __future__ import annotations

import reprlib

from ..core.display_text import escape_text

_ELISION = "…"


def describe(value: object, limit: int = 200) -> str:
    """Return a one-line `repr` of at most `limit` characters.

    Control characters, line ends and lone surrogates are escaped, so the text cannot steer a
    terminal or forge a log line. Large containers are cut before they are rendered. Never
    raises, even if the value's own `__repr__` does.
    """
    try:
        text = _short(value, limit)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return _cut(escape_text(text), max(limit, 1))


def _short(value: object, limit: int) -> str:
    if type(value) is int and value.bit_length() > 4 * limit:
        # Python refuses to spell very long ints, and is slow at long ones.
        return f"<int of {value.bit_length()} bits>"
    shortener = reprlib.Repr()
    shortener.maxstring = shortener.maxother = shortener.maxlong = limit
    shortener.maxlist = shortener.maxtuple = shortener.maxdict = 20
    shortener.maxset = shortener.maxfrozenset = shortener.maxdeque = 20
    if isinstance(value, bytes | bytearray) and len(value) > limit:
        return repr(value[:limit]) + _ELISION
    return shortener.repr(value)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + _ELISION
