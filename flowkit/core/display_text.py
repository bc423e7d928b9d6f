"""Text from outside, made harmless for a terminal, a log line or a page: one rule for all of them.

What a terminal obeys, what breaks a line, what reorders text, what is invisible and what no
encoding can write is replaced by its escape (``\\x1b``, ``\\u202e``). Every other character stays.
Escaping twice changes nothing more, so a caller escapes text whenever it is not sure.

The rule is by Unicode category: control (Cc: C0, DEL, C1), format (Cf: bidirectional marks, tags,
zero-width space), surrogate (Cs), line and paragraph separators (Zl, Zp), private use and
unassigned (Co, Cn). Spaces of any width, and the joiners that Persian, Hindi and many emoji need,
do no harm.

This module escapes text for people. It quotes nothing: HTML, SVG, JSON and Graphviz have their own
quoting on top.
"""

from __future__ import annotations

import unicodedata

TAB_WIDTH = 4
_JOINERS = "\u200c\u200d"


def escape_text(text: str) -> str:
    """Return ``text`` as one line in which every harmful character is shown as its escape."""
    if text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else _escape(char) for char in text)


def escape_lines(text: str, indent: str = "") -> str:
    """Return ``text`` with its line ends kept, tabs as blanks and the rest as ``escape_text``.

    ``indent``: the beginning of each line after the first, so that none looks like a separate line.
    """
    lines = (escape_text(line.expandtabs(TAB_WIDTH)) for line in text.split("\n"))
    return f"\n{indent}".join(lines)


def text_of(value: object, otherwise: str) -> str:
    """Return ``str(value)``, or ``otherwise`` if its class raises instead, be it SystemExit."""
    try:
        return str(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return otherwise


def error_text(error: BaseException) -> str:
    """Return "ValueError: bad row", also for an error whose ``__str__`` raises anything."""
    message = text_of(error, "(its message cannot be read)")
    return ": ".join(filter(None, (type(error).__name__, message)))


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
