"""Shortening long text: of a message of 50 MB, only the beginning and the end are kept.

Stored and logged texts are cut in the same way.
"""

from __future__ import annotations

# Characters of an error message that are stored and logged.
MAX_MESSAGE = 4_000


def shorten(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text of at most about ``limit`` characters.

    A longer text is cut in the middle, where the number of omitted characters is inserted.
    """
    if len(text) <= limit:
        return text
    half = max((limit - 20) // 2, 1)
    return f"{text[:half]} … {len(text) - 2 * half} more … {text[-half:]}"
