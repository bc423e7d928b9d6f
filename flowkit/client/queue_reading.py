"""The queues of one shard: depths from Redis, and what its workers report."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.queue_info import QueueInfo, UnservedFunction
from ..core.worker_info import WorkerInfo
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from ..protocol.queue_depths import Depth

MOST_FUNCTIONS = 100  # lists of functions to look for a worker, one round trip each


def queues_of(store: ClientStore, workers: Sequence[WorkerInfo]) -> Listing[QueueInfo]:
    """Return the queues of one shard. ``workers``: its live ones."""
    depths, now_ms = store.read_depths(), store.redis_now_ms()
    names = {name for info in workers if not info.damaged for name in info.queues}
    listing: Listing[QueueInfo] = Listing()
    listing.cut_short = depths.cut_short
    left = MOST_FUNCTIONS
    for name in sorted(names | set(depths.queues) | set(depths.delayed or ())):
        depth = depths.queues.get(name, Depth())
        functions = depth.functions[:left]
        left -= len(functions)
        serving = [info for info in workers if name in info.queues]
        queue = QueueInfo(
            name,
            levels={level: depth.levels[level] for level in sorted(depth.levels, reverse=True)},
            oldest=None if depth.oldest_ms is None else depth.oldest_ms / 1000,
            oldest_s=None if depth.oldest_ms is None else max(0, now_ms - depth.oldest_ms) / 1000,
            delayed=None if depths.delayed is None else depths.delayed[name],
            unserved=tuple(
                UnservedFunction(waiting, *entry)
                for function, waiting, entry in functions
                if not _is_served(store, serving, function)
            ),
        )
        listing.append(queue.served_by(serving))
    return listing


def add_queues(
    queues: dict[str, QueueInfo], listing: Listing[QueueInfo], of_shard: Listing[QueueInfo]
) -> None:
    """Add the queues of a shard to those of others, and to ``listing`` what was not counted."""
    listing.cut_short = listing.cut_short or of_shard.cut_short
    for queue in of_shard:
        known = queues.get(queue.name)
        queues[queue.name] = queue if known is None else known.plus(queue)


def _is_served(store: ClientStore, serving: Sequence[WorkerInfo], function: str) -> bool:
    apps = {app for info in serving for app in info.apps}
    return "" in apps or store.any_has(apps, function)
