"""How durations are spread: percentiles of a list of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of ``count`` durations, in seconds. Each is one of the durations."""

    count: int
    p10: float
    p50: float
    p90: float
    p99: float
    longest: float


def spread_of(durations: Iterable[float]) -> Spread | None:
    """Return the spread of durations, None if there are none."""
    ordered = sorted(durations)
    if not ordered:
        return None

    def at(percent: int) -> float:
        """Return the least duration that is not shorter than so many percent of all."""
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]

    return Spread(len(ordered), at(10), at(50), at(90), at(99), ordered[-1])
