"""What the name of a task or a DAG can be. One rule for what users write and for what is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME = 200  # characters
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_name(text: str) -> bool:
    """Return whether a task or a DAG can have this name."""
    return 0 < len(text) <= MAX_NAME and _FORBIDDEN.search(text) is None


def are_names(texts: Sequence[str]) -> bool:
    """Return whether all of these can be names, without a look at each of them."""
    if not texts:
        return True
    lengths = set(map(len, texts))
    joined = "".join(texts)
    return (
        min(lengths) > 0
        and max(lengths) <= MAX_NAME
        and (joined.isprintable() or _FORBIDDEN.search(joined) is None)
    )
