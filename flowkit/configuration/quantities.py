"""Durations and sizes in settings: numbers, or texts with a unit."""

from __future__ import annotations

import re
from collections.abc import Mapping

DAY_S = 86400

_DURATION_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": DAY_S}
_SIZE_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SIZE_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}


def duration(raw: object) -> float | None:
    """Return the seconds of a number or of a text such as '90s' or '7d'; otherwise None."""
    return _number(raw, _DURATION_UNITS)


def size(raw: object) -> float | None:
    """Return the bytes of a number or of a text such as '500KB' or '64MiB'; otherwise None."""
    return _number(raw, _SIZE_UNITS)


def _number(raw: object, units: Mapping[str, int]) -> float | None:
    """Return a number with an optional unit, in base units, or None for any other value."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(max(0, min(raw, 2**63)))  # a larger integer would not fit a float
    text = raw.strip() if isinstance(raw, str) else ""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", text)
    factor = units.get(match[2].lower()) if match else None
    return float(match[1]) * factor if match and factor else None
