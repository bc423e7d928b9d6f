"""The shard for a new run, and the shard that has a run."""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import RedisUnavailable, RunNotFound
from ..protocol.rendezvous import former_owners, owner
from .shard import ShardConnection
from .shards import answering_first


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


def shard_with(shards: Sequence[ShardConnection], run_id: str) -> ShardConnection:
    """Return the shard that has a run: the one of its id, or any other.

    Raises RunNotFound, RunDamaged, and RedisUnavailable if a shard that may have the run does not
    answer.
    """
    home = shards[owner(run_id, len(shards))]
    others = (shard for shard in shards if shard is not home)
    places = answering_first([home, *others])
    unavailable: RedisUnavailable | None = None
    for shard in places:
        try:
            with shard.run_store(run_id) as store:
                store.read_run(run_id)
        except RunNotFound:
            if len(places) == 1:
                raise
        except RedisUnavailable as error:
            unavailable = unavailable or error
        else:
            return shard
    if unavailable is not None:
        raise unavailable
    raise RunNotFound(
        run_id,
        f"there is no run {run_id!r} in any of the {len(places)} shards: check the id with "
        "'flowkit ls'; a run's data is deleted when its TTL expires",
    )


def _first_count(shards: Sequence[ShardConnection]) -> int:
    """Return the number of shards at first; 1 unless all shards have answered.

    Each shard stores how many there were when it was added, or when it restarted empty, so the
    minimum is the number. A shard that cannot be reached may be the one with the minimum.
    """
    return min(shard.first or 1 for shard in shards)
