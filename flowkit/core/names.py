"""Valid names of tasks and DAGs: one rule for users' code and for stored data."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME = 200  # characters
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_name(text: str) -> bool:
    """Return whether this is a valid name of a task or a DAG."""
    return 0 < len(text) <= MAX_NAME and _FORBIDDEN.search(text) is None


def check_name(what: str, name: object) -> str:
    """Return ``name`` if it is a valid name of a task or DAG (``what``), otherwise raise."""
    if not isinstance(name, str):
        raise TypeError(f"The name of a {what} must be a string, not {name!r}.")
    if not is_name(name):
        raise ValueError(
            f"{name[:MAX_NAME]!r} cannot be the name of a {what}: it must have 1 to {MAX_NAME} "
            "characters, none of them a control character or line break."
        )
    return name


def are_names(texts: Sequence[str]) -> bool:
    """Return whether all texts are valid names, without checking each one separately."""
    if not texts:
        return True
    lengths = set(map(len, texts))
    joined = "".join(texts)
    return (
        min(lengths) > 0
        and max(lengths) <= MAX_NAME
        and (joined.isprintable() or _FORBIDDEN.search(joined) is None)
    )
