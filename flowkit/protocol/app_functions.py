"""How workers and schedulers name functions and apps to each other.

A function is named by the digest of its reference (``module:function``), and a function in one
version of an app by the digest of both. An app is named by the digest of its functions with and
without their version. So two workers of one version of an app give the same names, and what is
recorded of an app never changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

ID_CHARS = 16
_ID = re.compile(r"[0-9a-f]{16}")


@lru_cache(maxsize=100_000)
def function_id(ref: str) -> str:
    """Return the id of a function."""
    return hashlib.sha256(ref.encode()).hexdigest()[:ID_CHARS]


@lru_cache(maxsize=100_000)
def pinned_id(ref: str, version: str) -> str:
    """Return the id of a function in one version of its app, for runs that are kept to it."""
    return function_id(f"{ref}@{version}")


def app_id(functions: Iterable[str]) -> str:
    """Return the id of an app that has these functions, given by their ids."""
    return hashlib.sha256(" ".join(sorted(functions)).encode()).hexdigest()[:ID_CHARS]


def is_id(text: str) -> bool:
    """Return whether this is the id of a function or an app."""
    return _ID.fullmatch(text) is not None
