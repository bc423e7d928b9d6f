"""What a check of a running system has found: one finding per subject."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How serious a finding is.

    ``UNKNOWN``: it could not be found out, for example because a right is missing. That is no
    fault. ``WARNING``: runs proceed, but something may go wrong. ``PROBLEM``: runs do not proceed,
    or data is in danger.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    ``subject``: what was checked. ``text``: what was found, and what it means. ``advice``: what to
    do, "" if nothing. ``shard``: where, such as "1/2"; "" if there is only one shard.
    """

    health: Health
    subject: str
    text: str
    advice: str = ""
    shard: str = ""


def worst(findings: list[Finding]) -> Health:
    """Return the most serious health of all findings. Unknown ones count as ok."""
    healths = {finding.health for finding in findings}
    return next(
        (health for health in (Health.PROBLEM, Health.WARNING) if health in healths), Health.OK
    )
