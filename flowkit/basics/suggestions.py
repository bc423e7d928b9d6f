"""Saying that a name is unknown, which ones there are, and which one may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

# Among more names than this, no similar one is looked for: it would take seconds.
MOST_COMPARED = 10_000


def similar_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name that may have been meant, None if none is similar."""
    if len(known) > MOST_COMPARED:
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def unknown_name(what: str, name: str, known: Sequence[str]) -> str:
    """Return the sentence for an unknown name: a suggestion, and the known names."""
    similar = similar_name(name, known)
    hint = "" if similar is None else f" Did you mean {similar!r}?"
    shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
    there_is = f"There is: {shown}." if known else "There is none."
    return f"unknown {what} {name!r}.{hint} {there_is}"
