"""The one form of an error about an unknown name: a similar name, and the available ones."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_MOST_SHOWN = 20
# With more names than this, no similar name is looked for: it would take seconds.
_MOST_COMPARED = 10_000


def unknown_name(what: str, name: object, known: Sequence[str]) -> str:
    """Return the sentences for an unknown name, for example of an option."""
    return f"unknown {what} {name!r}. {suggestion(name, known)}"


def suggestion(name: object, known: Sequence[str]) -> str:
    """Return the sentences that say which name may have been meant, and which are available."""
    compared = known if isinstance(name, str) and len(known) <= _MOST_COMPARED else ()
    close = difflib.get_close_matches(str(name), compared, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    shown = ", ".join(map(repr, known[:_MOST_SHOWN])) or "none"
    return f"{meant}Available: {shown}{', …' if len(known) > _MOST_SHOWN else ''}."
