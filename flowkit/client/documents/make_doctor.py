"""Makes the document of the findings about a system."""

from __future__ import annotations

from ...core.finding import Finding, worst
from .doctor import Doctor, FindingEntry


def doctor_document(findings: list[Finding]) -> Doctor:
    """Return the findings, and the worst of them."""
    entries = [
        FindingEntry(
            health=item.health.value,
            subject=item.subject,
            text=item.text,
            advice=item.advice,
            shard=item.shard or None,
        )
        for item in findings
    ]
    return Doctor(health=worst(findings).value, findings=entries)
