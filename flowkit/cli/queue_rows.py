"""How queues are shown: the cells of a table."""

from __future__ import annotations

from ..core.queue_info import QueueInfo
from .output import seconds

COLUMNS = ["QUEUE", "WAITING", "OLDEST", "PER MINUTE", "MEAN", "WORKERS", "BUSY", "DELAYED"]


def queue_row(queue: QueueInfo) -> list[str]:
    """Return the cells of ``COLUMNS``. "?" is a number that no worker reports."""
    return [
        queue.name,
        _waiting(queue),
        seconds(queue.oldest_s),
        _rate(queue),
        seconds(queue.mean_s),
        str(queue.workers),
        busy_text(queue.busy, queue.lanes, queue.busy_async),
        "?" if queue.delayed is None else str(queue.delayed),
    ]


def _rate(queue: QueueInfo) -> str:
    if queue.per_minute is None:
        return "?" if queue.workers else ""
    return f"{queue.per_minute:,.0f}"


def _waiting(queue: QueueInfo) -> str:
    """Return "12", or "12 (9: 2, 5: 10)" if tasks of several priorities wait."""
    if len(queue.levels) < 2:
        return str(queue.waiting)
    levels = ", ".join(f"{level}: {number}" for level, number in queue.levels.items())
    return f"{queue.waiting} ({levels})"


def busy_text(busy: int | None, lanes: int, busy_async: int | None) -> str:
    """Return "2 of 4", with "+ 30 async" if such tasks are executing; "" without workers."""
    if not lanes:
        return ""
    more = f" + {busy_async} async" if busy_async else ""
    return f"{'?' if busy is None else busy} of {lanes}{more}"
