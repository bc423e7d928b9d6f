"""A short, safe text of any value, for error messages, logs and the command line."""

from __future__ import annotations

import reprlib
from collections.abc import Collection
from itertools import islice
from typing import Any

from ..basics.display_text import escape_text

_ELISION = "…"


def describe(value: object, limit: int = 200) -> str:
    """Return a one-line `repr` of at most `limit` characters.

    Control characters, line ends and lone surrogates are escaped, so the text cannot control a
    terminal or forge a log line. Large containers are cut before they are rendered. Never raises,
    even if the `__repr__` of the value does.
    """
    try:
        text = _short(value, limit)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return _cut(escape_text(text), max(limit, 1))


def _short(value: object, limit: int) -> str:
    shortener = _Shortener()
    shortener.maxlevel = 3
    shortener.maxstring = shortener.maxother = shortener.maxlong = limit
    shortener.maxlist = shortener.maxtuple = shortener.maxdict = 20
    shortener.maxset = shortener.maxfrozenset = shortener.maxdeque = 20
    if isinstance(value, bytes | bytearray) and len(value) > limit:
        return repr(value[:limit]) + _ELISION
    return shortener.repr(value)


class _Shortener(reprlib.Repr):
    """Like its base, but without sorting all sets and keys, which can take minutes.

    Long ints are not formatted: Python is slow at them, and refuses very long ones.
    """

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 4 * self.maxlong:
            return f"<int of {x.bit_length()} bits>"
        return super().repr_int(x, level)

    def repr_set(self, x: set[Any], level: int) -> str:
        return self._in_order(x, level, "{", "}") if x else "set()"

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        return self._in_order(x, level, "frozenset({", "})") if x else "frozenset()"

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        if level <= 0 and x:
            return "{...}"
        pairs = [
            f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}"
            for key, value in islice(x.items(), self.maxdict)
        ]
        return "{" + ", ".join(pairs + ["..."] * (len(x) > self.maxdict)) + "}"

    def _in_order(self, items: Collection[Any], level: int, opening: str, closing: str) -> str:
        if level <= 0:
            return opening + "..." + closing
        texts = [self.repr1(item, level - 1) for item in islice(items, self.maxset)]
        return opening + ", ".join(texts + ["..."] * (len(items) > self.maxset)) + closing


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + _ELISION
