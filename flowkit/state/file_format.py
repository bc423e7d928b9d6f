"""The text of a state file.

    {"format": 1, "cache": {
    "key": {"value": …, "timestamp": …, "ttl": …, "metadata": …}, …}}

Each entry is one line (entries.py). A higher format is refused; a file without one has the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..exceptions import StateError

FORMAT = 1
E = TypeVar("E")


class WrittenEntry(Protocol):
    """An entry that is written."""

    @property
    def line(self) -> str:
        """The entry as one JSON object."""


class CorruptFile(Exception):
    """The text is not that of a state file."""


def packed_entries(entries: Mapping[str, WrittenEntry]) -> bytes:
    """Return the text of a file with these entries."""
    lines = ",\n".join(f"{json.dumps(key)}: {entry.line}" for key, entry in entries.items())
    return f'{{"format": {FORMAT}, "cache": {{\n{lines}\n}}}}\n'.encode("ascii")


def parsed_entries(data: bytes, path: Path, read_entry: Callable[[Any], E]) -> dict[str, E]:
    """Return the entries in the text of a file. Raises CorruptFile, StateError for a newer format.

    ``path``: named in the error. ``read_entry``: makes an entry from its JSON object.
    """
    try:
        document = json.loads(data)
        cache = document["cache"]
        version = document.get("format", FORMAT)
        if type(version) is int and version > FORMAT:
            raise StateError(
                f"State file {path} has format {version}, and this flowkit knows formats up to "
                f"{FORMAT}. Use the release that wrote it, or another file."
            )
        return {key: read_entry(fields) for key, fields in cache.items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CorruptFile(f"{type(error).__name__}: {error}") from error


def is_foreign(text: str, suffix: str) -> bool:
    """Return whether a text is that of a file of another kind. ``suffix``: of the file's name.

    That is a text of several lines without the suffix ``.json``, or a JSON object without our
    keys. Any other invalid file may have been a state file.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        lines = suffix != ".json" and "\n" in text.strip()
        return lines and not text.lstrip().startswith("{")
    return (
        isinstance(document, dict) and bool(document) and not {"cache", "format"} & document.keys()
    )
