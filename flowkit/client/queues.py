"""What waits in the queues of all shards, and who serves them."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.queue_info import QueueInfo
from ..protocol.listings import DamagedItem, Listing
from .queue_reading import add_queues, queues_of
from .shard import ShardConnection


def read_queues(shards: Sequence[ShardConnection]) -> Listing[QueueInfo]:
    """Return the queues of all shards, by name. See ``Client.queues``."""
    listing: Listing[QueueInfo] = Listing()
    queues: dict[str, QueueInfo] = {}
    for shard in shards:
        with shard.store() as store:
            workers = store.alive_workers()
            add_queues(queues, listing, queues_of(store, workers))
        listing.damaged += workers.damaged
        listing.damaged += [DamagedItem(i.worker, i.damaged) for i in workers if i.damaged]
    listing += sorted(queues.values(), key=lambda queue: queue.name)
    return listing
