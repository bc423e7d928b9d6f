"""Saying that a name is unknown, which ones there are, and which one may have been meant."""

from __future__ import annotations

import difflib


def unknown_name(what: str, name: str, known: tuple[str, ...] | list[str]) -> str:
    """Return the sentence for an unknown name: a suggestion, and the known names."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
    there_is = f"There is: {shown}." if known else "There is none."
    return f"unknown {what} {name!r}.{hint} {there_is}"
