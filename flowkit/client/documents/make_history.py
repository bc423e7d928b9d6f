"""Makes the document about what happened to a run."""

from __future__ import annotations

from collections.abc import Sequence

from ..history import HistoryEvent
from .history import History, HistoryEntry
from .stamps import utc


def history_document(run_id: str, events: Sequence[HistoryEvent], most: int) -> History:
    """Return the latest events of a run, at most ``most``."""
    return History(
        run_id=run_id,
        items=[history_entry(event) for event in events[-most:]],
        damaged=[],
        matching=len(events),
        more=len(events) > most,
    )


def history_entry(event: HistoryEvent) -> HistoryEntry:
    """Return one event."""
    return HistoryEntry(
        at=utc(event.at),
        what=event.what.value,
        text=str(event),
        by=event.by,
        task=event.task,
        attempt=event.attempt,
        outcome=event.outcome,
        worker=event.worker,
        app_version=event.app_version,
        queued=utc(event.queued),
        started=utc(event.started),
        ended=utc(event.ended),
        due=utc(event.due),
        error=event.error,
        traceback=event.traceback,
        rerun=event.rerun,
        tasks=event.tasks,
        items=event.items,
        parent=event.parent_run or None,
        parent_task=event.parent_task or None,
        label=event.label,
    )
