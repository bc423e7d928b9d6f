"""The Lua scripts: one file, one transition. Read once, called by digest.

A script's text is its own file behind the pieces of ``lua/_lib`` that its header names, so two
releases side by side each run their own text. Headers are data: a test compares ``KEYS``, ``ARGV``
and ``REPLY`` with how ``store`` calls the script.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_HEADER = re.compile(r"^-- (USES|KEYS|ARGV|REPLY|KEEPS)\s+(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its whole text and the digest that Redis knows it by."""

    name: str
    text: str
    digest: str


def header(text: str) -> dict[str, str]:
    """Return a script's header fields, first line of each."""
    return dict(_HEADER.findall(text))


@cache
def script(name: str) -> Script:
    """Return the script of that name, read from the package. Raises FileNotFoundError."""
    folder = files(__package__) / "lua"
    body = (folder / f"{name}.lua").read_text("utf-8")
    pieces = [
        (folder / "_lib" / f"{piece}.lua").read_text("utf-8")
        for piece in header(body)["USES"].split()
    ]
    text = "\n".join([*pieces, body])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def names() -> list[str]:
    """Return the names of all scripts."""
    folder = files(__package__) / "lua"
    return sorted(item.name[:-4] for item in folder.iterdir() if item.name.endswith(".lua"))
