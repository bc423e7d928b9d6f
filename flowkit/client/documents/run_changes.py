"""The document about many runs that were changed together, and how to make it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ...core.run_record import RunRecord
from ..purging import Purge
from ..run_changes import Action, RunChange, RunChanges
from .document import Document


@dataclass(frozen=True)
class ChangedRun:
    """A run that was to be changed."""

    run_id: Annotated[str, "The id of the run."]
    dag: Annotated[str | None, "The name of its DAG, null if the run was named by its id."]
    state: Annotated[str | None, "Its state when it was chosen, null if it was named by its id."]
    outcome: Annotated[
        str | None,
        "`cancelled` (it is told to stop), `resumed`, `deleted`, `over` (nothing was left to do), "
        "`missing`, or `refused`. Null for a dry run.",
    ]
    reason: Annotated[str, "Why it was not changed, empty if it was."]


@dataclass(frozen=True, kw_only=True)
class ChangedRuns(Document):
    """The runs that were cancelled, resumed or deleted together, or would be."""

    SCHEMA: ClassVar[str] = "flowkit/changed-runs/1"
    action: Annotated[str, "`cancel`, `resume` or `delete`."]
    dry_run: Annotated[bool, "Whether nothing was changed."]
    items: Annotated[list[ChangedRun], "The runs. A dry run lists those that match."]
    outcomes: Annotated[dict[str, int], "How many runs have which outcome; empty for a dry run."]
    matching: Annotated[int | None, "How many runs match in all, null if that is not known."]
    more: Annotated[bool, "Whether more runs match than the limit allows."]
    cut_short: Annotated[bool, "Whether there are older runs that were not searched."]
    memory: Annotated[
        int | None, "Of runs to delete, about how many bytes they take in Redis; null if unknown."
    ]


def changes_document(action: Action, changes: RunChanges, *, dry_run: bool) -> ChangedRuns:
    """Return what was done to the runs that match, or would be done."""
    return ChangedRuns(
        action=action.value,
        dry_run=dry_run,
        items=_items(changes.runs, changes.changes),
        outcomes=_outcomes(changes.changes),
        matching=changes.matching,
        more=changes.more,
        cut_short=changes.cut_short,
        memory=None,
    )


def named_document(action: Action, changes: Sequence[RunChange]) -> ChangedRuns:
    """Return what was done to runs that were named by their ids."""
    return ChangedRuns(
        action=action.value,
        dry_run=False,
        items=[ChangedRun(c.run_id, None, None, c.outcome.value, c.reason) for c in changes],
        outcomes=_outcomes(changes),
        matching=len(changes),
        more=False,
        cut_short=False,
        memory=None,
    )


def deletion_document(plan: Purge, changes: Sequence[RunChange], *, dry_run: bool) -> ChangedRuns:
    """Return what a purge has deleted, or would delete. ``changes``: of its runs."""
    return ChangedRuns(
        action=Action.DELETE.value,
        dry_run=dry_run,
        items=_items(plan.runs, changes),
        outcomes=_outcomes(changes),
        matching=plan.matching,
        more=plan.more,
        cut_short=False,
        memory=plan.memory,
    )


def _items(runs: Sequence[RunRecord], changes: Sequence[RunChange]) -> list[ChangedRun]:
    told = {change.run_id: change for change in changes}
    return [_item(record, told.get(record.run)) for record in runs]


def _item(record: RunRecord, change: RunChange | None) -> ChangedRun:
    outcome, reason = (None, "") if change is None else (change.outcome.value, change.reason)
    return ChangedRun(record.run, record.dag_name, record.state.value, outcome, reason)


def _outcomes(changes: Sequence[RunChange]) -> dict[str, int]:
    return dict(Counter(change.outcome.value for change in changes))
