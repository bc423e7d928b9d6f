"""The form of an app's version: a text of the user's, or the digest of the code.

A worker says which version of the app it has, and a run which one it was submitted with. The text
becomes part of records and events in Redis, so it is short and has no blank, comma or ``=``.
"""

from __future__ import annotations

import re

MAX_APP_VERSION = 64  # characters
APP_VERSION = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+\-]{{0,{MAX_APP_VERSION - 1}}}")


def is_app_version(text: str) -> bool:
    """Return whether this may be the version of an app."""
    return APP_VERSION.fullmatch(text) is not None


def parse_app_version(raw: object) -> str | None:
    """Return the version that a setting gives, None for none; otherwise raise ValueError."""
    if raw is None or (isinstance(raw, str) and is_app_version(raw)):
        return raw
    raise ValueError(
        f"give 1 to {MAX_APP_VERSION} of the characters A-Z a-z 0-9 . _ + -, a letter or digit "
        "first"
    )
