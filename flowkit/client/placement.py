"""The shard for a new run."""

from __future__ import annotations

from collections.abc import Sequence

from ..protocol.rendezvous import former_owners
from .shard import ShardConnection, answering_first


def shard_for(shards: Sequence[ShardConnection], run_id: str, *, chosen: bool) -> ShardConnection:
    """Return the shard for a run. ``chosen``: the caller chose the id.

    Such an id may have been submitted while there were fewer shards; then the run is still in
    its former shard.
    """
    if len(shards) == 1:
        return shards[0]
    current, *former = former_owners(run_id, len(shards), _first_count(shards))
    for shard in answering_first(shards[at] for at in former) if chosen else ():
        with shard.store() as store:
            if not store.missing([run_id]):
                return shard
    return shards[current]


def _first_count(shards: Sequence[ShardConnection]) -> int:
    """Return the number of shards that the system began with; 1 unless all shards have told.

    Each shard stores how many there were when it was added, or when it restarted empty, so the
    minimum is the number. A shard that cannot be reached may be the one with the minimum.
    """
    return min(shard.first or 1 for shard in shards)
