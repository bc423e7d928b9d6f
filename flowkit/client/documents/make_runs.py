"""Makes the documents about runs of what the client returns."""

from __future__ import annotations

from ...core.run_record import RunRecord
from ...protocol.listings import Listing
from .document import damaged_entries
from .runs import RunEntry, Runs
from .stamps import utc


def runs_document(runs: Listing[RunRecord]) -> Runs:
    """Return a list of runs."""
    items, damaged = list(map(run_entry, runs)), damaged_entries(runs.damaged)
    return Runs(
        items=items,
        damaged=damaged,
        matching=runs.total,
        more=runs.more,
        cut_short=runs.cut_short,
        next=runs.next or None,
    )


def run_entry(run: RunRecord) -> RunEntry:
    """Return one run of a list."""
    return RunEntry(
        run_id=run.run,
        dag=run.dag_name,
        state=run.state.value,
        stopping=run.stopping,
        submitted=utc(run.submitted_ms / 1000),
        duration=run.duration,
        total=run.total,
        counts=run.counts,
        parent=None if run.parent is None else run.parent.run,
    )
