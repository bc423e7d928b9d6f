"""What stored labels, frequencies and intervals may be, before pandas hashes or parses them."""

from __future__ import annotations

import re
from typing import Any

from .limits import MAX_FREQUENCY, MAX_UNORDERED_LABELS

CLOSED = ("left", "right", "both", "neither")  # which ends belong to an interval
_FREQUENCY = re.compile(r"-?[0-9]*[A-Za-z]+(?:-[A-Z0-9]+)*")


def is_frequency(text: object) -> bool:
    """Return whether a text is short, and looks like a frequency of pandas."""
    return type(text) is str and len(text) <= MAX_FREQUENCY and bool(_FREQUENCY.fullmatch(text))


def check_labels(labels: Any, error: type[Exception]) -> None:
    """Raise `error` for labels that pandas may take quadratic time to hash.

    The hashes of text are random. Ordered numbers and times are not hashed. Everything else may be
    chosen to collide, so there must not be many.
    """
    if len(labels) <= MAX_UNORDERED_LABELS:
        return
    if labels.inferred_type == "string" or (
        labels.dtype.kind in "iufmM" and labels.is_monotonic_increasing
    ):
        return
    raise error(
        f"has {len(labels)} categories or labels of a level that are neither text nor in order, "
        "and cannot be stored. Use the values themselves: .astype(categories.dtype)."
    )
