"""Makes the document about the memory that runs take."""

from __future__ import annotations

from collections.abc import Sequence

from ...protocol.listings import Listing
from ..usage import DAGUsage
from .document import damaged_entries
from .system import Usage, UsageEntry


def usage_document(listing: Listing[DAGUsage], usages: Sequence[DAGUsage]) -> Usage:
    """Return the memory of the DAGs. ``usages``: those of the listing that are wanted."""
    entries = [
        UsageEntry(
            dag=entry.dag_name,
            runs=entry.runs,
            running=entry.running,
            memory=entry.memory,
            largest_run=entry.largest or None,
            largest_run_memory=entry.largest_memory,
        )
        for entry in usages
    ]
    return Usage(
        items=entries,
        damaged=damaged_entries(listing.damaged),
        matching=len(entries),
        more=False,
        cut_short=listing.cut_short,
    )
