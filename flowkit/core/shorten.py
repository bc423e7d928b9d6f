"""Cutting text that nobody reads to its end: a message of 50 MB is kept by its first and last part.

Pure text, so that what is stored and what is logged are cut alike.
"""

from __future__ import annotations

# What is kept and logged of an error's message.
MAX_MESSAGE = 4_000


def shorten(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return a text of about ``limit`` characters at most, which says how many were left out.

    A longer one is cut in the middle, where it says least.
    """
    if len(text) <= limit:
        return text
    half = max((limit - 20) // 2, 1)
    return f"{text[:half]} … {len(text) - 2 * half} more … {text[-half:]}"
