"""Hiding secrets: what matches one of some patterns becomes ``***``.

The patterns are those of ``FLOWKIT_LOG_REDACT``. They are made for lines, such as ``token=\\S+``.
So ``hides`` tries a value with its name as such a line: ``{"token": "abc"}`` hides ``abc``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

MASK = "***"


def secrets_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Return one pattern for all of these, None without any. Raises re.error."""
    wrapped = [f"(?:{pattern})" for pattern in patterns]
    return re.compile("|".join(wrapped)) if wrapped else None


class Redaction:
    """Hides what matches one of ``patterns``; without any, nothing. Raises re.error."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._secrets = secrets_of(patterns)

    def __bool__(self) -> bool:
        return self._secrets is not None

    def text(self, text: str) -> str:
        """Return a text without its secrets."""
        return text if self._secrets is None else self._secrets.sub(MASK, text)

    def hides(self, name: str, value: object) -> bool:
        """Return whether a pattern matches a value together with its name.

        Only texts and numbers are tried: the parts of other values have names themselves. A match
        within the value alone does not count: ``text`` hides that part.
        """
        if self._secrets is None or not isinstance(value, str | int | float):
            return False
        for start, end in ((f"{name}=", ""), (f"{name}: ", ""), (f'"{name}": "', '"')):
            found = self._secrets.finditer(f"{start}{value}{end}")
            if any(match.start() < len(start) < match.end() for match in found):
                return True
        return False

    def values(self, value: object, kept: Collection[str] = ()) -> object:
        """Return JSON values without their secrets. Names of fields stay.

        ``kept``: fields whose texts stay too.
        """
        if self._secrets is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self.fields(value, kept)
        if isinstance(value, list | tuple):
            return [self.values(item, kept) for item in value]
        return value

    def fields(
        self, value: Mapping[str, object], kept: Collection[str] = ()
    ) -> Mapping[str, object]:
        """Return an object of JSON without its secrets. See ``values``."""
        if self._secrets is None:
            return value
        return {name: self._field(name, item, kept) for name, item in value.items()}

    def _field(self, name: str, value: object, kept: Collection[str]) -> object:
        if name in kept and _has_text_alone(value):
            return value
        return self.values(value, kept)


def _has_text_alone(value: object) -> bool:
    """Return whether a value is a text, or a list of texts."""
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str | None) for text in texts)
