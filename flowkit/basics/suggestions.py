"""Errors about unknown names have one form: a similar name, and the available ones."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

_MOST_SHOWN = 20
# Among more names than this, no similar one is looked for: it would take seconds.
MOST_COMPARED = 10_000


def similar_name(name: str, known: Collection[str]) -> str | None:
    """Return the known name that may have been meant, None if none is similar."""
    if len(known) > MOST_COMPARED:
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def unknown_name(what: str, name: object, known: Sequence[str], synonym: str | None = None) -> str:
    """Return the sentences for an unknown name, for example of an option.

    ``synonym``: the known name that means the same, if there is one.
    """
    return f"unknown {what} {name!r}. {suggestion(name, known, synonym)}"


def suggestion(name: object, known: Sequence[str], synonym: str | None = None) -> str:
    """Return the sentences that say which name may have been meant, and which are available."""
    similar = synonym
    if synonym is None and isinstance(name, str):
        similar = similar_name(name, known)
    meant = "" if similar is None else f"Did you mean {similar!r}? "
    shown = ", ".join(map(repr, known[:_MOST_SHOWN])) or "none"
    return f"{meant}Available: {shown}{', …' if len(known) > _MOST_SHOWN else ''}."
