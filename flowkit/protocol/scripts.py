"""The Lua scripts: one file per transition, read once and called by digest.

The text of a script is its file, preceded by the definitions that it needs from the pieces of
``lua/_lib`` named in its header. So two releases side by side each run their own text. Headers are
data: a test compares ``KEYS``, ``ARGV`` and ``REPLY`` with how ``store`` calls the script.

At each call, Redis runs the whole text of a script and creates a closure for each function, called
or not. So only the definitions that a script uses are sent, one-line functions are inlined, and
what only the functions named under ``RARE`` use is nested in these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from .inlined import inlined
from .nested import nested

_HEADER = re.compile(r"^-- (USES|RARE|KEYS|ARGV|REPLY|KEEPS)\s+(.*)$", re.MULTILINE)


_COMMENT = re.compile(r"-- .*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_SEAM = "\n\0\n"  # between the pieces of a script, which are text without a NUL
_DEFINED = re.compile(r"local (?:function )?(\w+(?:, \w+)*)")


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its whole text and its digest, which identifies it in Redis."""

    name: str
    text: str
    digest: str


def header(text: str) -> dict[str, str]:
    """Return the first line of each header field of a script."""
    return dict(_HEADER.findall(text))


@cache
def script(name: str) -> Script:
    """Return a script by its name, read from the package. Raises FileNotFoundError."""
    folder = files(__package__) / "lua"
    body = (folder / f"{name}.lua").read_text("utf-8")
    about = header(body)
    pieces = [
        (folder / "_lib" / f"{piece}.lua").read_text("utf-8") for piece in about["USES"].split()
    ]
    text = "\n".join(nested(_joined(pieces, body), about.get("RARE", "").split()))
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _joined(pieces: Iterable[str], body: str) -> list[str]:
    """Return the definitions that a script uses, and behind them its code.

    A definition begins with ``local`` at the beginning of a line and ends at the next definition.
    It can only use earlier definitions, so one pass from the end is enough.
    """
    *pieces, code = inlined(_SEAM.join(map(_without_comments, [*pieces, body]))).split(_SEAM)
    needed, parts = set(_WORD.findall(code)), [code]
    for block in reversed(_definitions("\n".join(pieces))):
        defined = _DEFINED.match(block)
        if defined is None or not needed.isdisjoint(defined[1].split(", ")):
            needed.update(_WORD.findall(block))
            parts.append(block)
    return parts[::-1]


def _without_comments(text: str) -> str:
    lines = (_COMMENT.sub("", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _definitions(text: str) -> list[str]:
    return [block for block in re.split(r"^(?=local )", text, flags=re.MULTILINE) if block]


def names() -> list[str]:
    """Return the names of all scripts."""
    folder = files(__package__) / "lua"
    return sorted(item.name[:-4] for item in folder.iterdir() if item.name.endswith(".lua"))
