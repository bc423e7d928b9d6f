"""Escaping of external text for terminals, log lines and pages: one rule for all of them.

Characters that control a terminal, break lines, reorder text, are invisible or cannot be encoded
are replaced by their escape (``\\x1b``, ``\\u202e``). All others stay. Escaping is idempotent, so a
caller can always escape a text when in doubt.

The rule uses Unicode categories: control (Cc: C0, DEL, C1), format (Cf: bidirectional marks, tags,
zero-width space), surrogate (Cs), line and paragraph separators (Zl, Zp), private use and
unassigned (Co, Cn). Spaces of any width are harmless, and so are the joiners that Persian, Hindi
and many emoji need.

This module escapes text for people. It does not quote: HTML, SVG, JSON and Graphviz need their own
quoting in addition.
"""

from __future__ import annotations

import unicodedata

TAB_WIDTH = 4
_JOINERS = "\u200c\u200d"


def escape_text(text: str) -> str:
    """Return ``text`` as one line, with every harmful character escaped."""
    if text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else _escape(char) for char in text)


def escape_lines(text: str, indent: str = "") -> str:
    """Return ``text`` with line ends kept, tabs expanded and the rest as in ``escape_text``.

    ``indent``: inserted before each line after the first, so that none looks like a new entry.
    """
    lines = (escape_text(line.expandtabs(TAB_WIDTH)) for line in text.split("\n"))
    return f"\n{indent}".join(lines)


def text_of(value: object, otherwise: str) -> str:
    """Return ``str(value)``, or ``otherwise`` if that raises anything, even SystemExit."""
    try:
        return str(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


def error_text(error: BaseException) -> str:
    """Return an error as "ValueError: bad row", even if its ``__str__`` raises."""
    message = text_of(error, "(its message cannot be read)")
    return ": ".join(filter(None, (type(error).__name__, message)))


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
