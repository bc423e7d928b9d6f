"""Makes the document about the queues of a system."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.queue_info import QueueInfo, queue_problem
from ...protocol.listings import Listing
from .document import damaged_entries
from .queues import QueueEntry, Queues, UnservedEntry
from .stamps import rounded, utc


def by_waiting(listing: Sequence[QueueInfo]) -> list[QueueInfo]:
    """Return the queues with most waiting tasks first."""
    return sorted(listing, key=lambda queue: (-queue.waiting, queue.name))


def queues_document(
    listing: Listing[QueueInfo], matching: Sequence[QueueInfo], limit: int
) -> Queues:
    """Return a list of queues. ``matching``: those of the listing that are wanted, in order."""
    return Queues(
        items=[queue_entry(queue) for queue in matching[:limit]],
        damaged=damaged_entries(listing.damaged),
        matching=len(matching),
        more=len(matching) > limit,
        cut_short=listing.cut_short,
    )


def queue_entry(queue: QueueInfo) -> QueueEntry:
    """Return a queue of the list."""
    return QueueEntry(
        queue=queue.name,
        waiting=queue.waiting,
        levels=queue.levels,
        oldest=utc(queue.oldest),
        oldest_seconds=rounded(queue.oldest_s),
        delayed=queue.delayed,
        unserved=[
            UnservedEntry(waiting=item.waiting, run_id=item.run_id, task=item.task)
            for item in queue.unserved
        ],
        workers=queue.workers,
        processes=queue.lanes,
        busy=queue.busy,
        busy_async=queue.busy_async,
        per_minute=rounded(queue.per_minute),
        mean_seconds=rounded(queue.mean_s),
        problem=queue_problem(queue),
    )
