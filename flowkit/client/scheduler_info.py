"""Whether a scheduler leads each shard of a system."""

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
