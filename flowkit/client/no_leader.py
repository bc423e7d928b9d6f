"""The message for a shard without a leading scheduler.

Either no scheduler runs, or it cannot renew its lease. A client cannot distinguish the two: a Redis
that is full or read-only refuses a lease, and a scheduler that has stopped leaves an expired one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchedulerInfo:
    """Whether a scheduler leads. ``missing``: for each shard without one, such as "1/2", why."""

    missing: Mapping[str, str]

    @property
    def leads(self) -> bool:
        """Whether a scheduler leads each shard."""
        return not self.missing


def no_leader(left_ms: int | None) -> str:
    """Return why no run proceeds, without a remedy; "" while a scheduler leads.

    ``left_ms``: what is left of its lease, None without one.
    """
    if left_ms is None:
        return "No scheduler is running"
    if left_ms > 0:
        return ""
    return (
        "No scheduler is running, or it cannot renew its lease, which ended "
        f"{-left_ms / 1000:.0f} s ago (then its log says why: is Redis full, or read-only?)"
    )
