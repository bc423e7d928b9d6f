"""``client.purge``: delete many runs that are over, before their TTL expires.

The runs are chosen first, so that a command can show what will be deleted. Then the script that
``handle.delete`` calls deletes them one by one. It deletes no run that is not over, whatever has
happened since the choice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..arguments import check_limit, check_since
from ..codec.provenance import Provenance
from ..core.run_record import RunRecord
from ..core.states import RUN_OVER, RunState
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from ..protocol.run_reads import MOST_SEARCHED
from .families import delete_below, runs_below
from .run_search import (
    MOST_DECODED,
    RunQuery,
    count_by_state,
    filter_of,
    having_params,
    query_of,
)
from .shard import ShardConnection

PART = 100  # runs deleted, or asked for their size, in one round trip
MOST = 10_000
A_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Purge:
    """What a purge deletes, or would delete.

    ``runs``: the runs that match, the oldest first, shard by shard. ``memory``: about how many
    bytes they take in Redis, without their graphs; None if Redis does not tell. ``more``: whether
    more runs match than the limit allows. ``matching``: how many match without the limit, None if
    that is not known. ``deleted``: how many were deleted, 0 for a dry run. A
    run that was resumed or deleted in the meantime is not among these. ``by_shard``: the ids of the
    runs in each shard.
    """

    runs: list[RunRecord] = field(default_factory=list)
    memory: int | None = 0
    more: bool = False
    deleted: int = 0
    by_shard: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    matching: int | None = 0


class Purging:
    """The part of ``Client`` that deletes runs from all ``shards``."""

    shards: tuple[ShardConnection, ...]
    provenance: Provenance

    def purge(
        self,
        older_than: float = A_DAY_S,
        states: str | Collection[str] | None = None,
        dag: str | None = None,
        limit: int = MOST,
        *,
        since: float | None = None,
        until: float | None = None,
        text: str | None = None,
        params: Mapping[str, object] | None = None,
        children: bool = True,
        dry_run: bool = False,
    ) -> Purge:
        """Delete runs that are over, with all their data, before their TTL expires.

        ``older_than``: least seconds since their end. ``states``: only runs that ended so
        (``succeeded``, ``failed``, ``cancelled``). ``dag``, ``since``, ``until``, ``text``,
        ``params``: only runs that match, as those of ``runs`` do. ``children``: false to leave out
        runs that tasks have called; they are deleted with the run of that task. ``limit``: how many
        runs at most, the oldest first. ``dry_run``: delete nothing, and return what would be
        deleted. Runs that are not over are never deleted.

        Raises TypeError, ValueError for invalid arguments, and RedisUnavailable; what was deleted
        before stays deleted, and the call can be repeated.
        """
        age = check_since(older_than) or 0.0
        query = query_of(
            _checked_states(states), dag, since, until, text, params, children=children
        )
        wanted = _Wanted(age, query, check_limit(limit), self.provenance)
        plan = _choose(self.shards, wanted)
        return plan if dry_run else replace(plan, deleted=self.purge_runs(plan))

    def purge_runs(self, plan: Purge) -> int:
        """Delete the runs of a dry run that are still over; return how many were deleted."""
        pairs = zip(self.shards, plan.by_shard, strict=True)
        return sum(_delete(shard, runs) for shard, runs in pairs)


@dataclass(frozen=True, slots=True)
class _Wanted:
    older_than: float
    query: RunQuery
    limit: int
    provenance: Provenance


def _choose(shards: Sequence[ShardConnection], wanted: _Wanted) -> Purge:
    runs: list[RunRecord] = []
    by_shard: list[tuple[str, ...]] = []
    memory: int | None = 0
    more = False
    for shard in shards:
        left = wanted.limit - len(runs)
        with shard.store() as store:
            match = _read_over(store, max(left, 1), wanted)
            chosen = match[:left]
            more = more or match.cut_short or len(match) > left
            for at in range(0, len(chosen), PART):
                sizes = store.memory_of(chosen[at : at + PART])
                memory = None if memory is None or sizes is None else memory + sum(sizes)
        runs += chosen
        by_shard.append(tuple(record.run for record in chosen))
    matching = _count(shards, wanted, len(runs)) if more else len(runs)
    return Purge(runs, memory, more, by_shard=tuple(by_shard), matching=matching)


def _count(shards: Sequence[ShardConnection], wanted: _Wanted, least: int) -> int | None:
    """Return how many runs match, None if only reading all of them would tell."""
    if wanted.older_than or wanted.query.params:
        return None
    counts = count_by_state(shards, wanted.query, MOST_SEARCHED)
    return None if counts.cut_short else max(least, sum(counts.states.values()))


def _read_over(store: ClientStore, limit: int, wanted: _Wanted) -> Listing[RunRecord]:
    """Return runs that match, the oldest first; ``cut_short`` says whether there may be more."""
    listing: Listing[RunRecord] = Listing()
    query, decoded = wanted.query, 0
    latest = store.redis_now_ms() - round(wanted.older_than * 1000)
    for part in store.read_over(filter_of(store, query), latest):
        decoded += len(part)
        if query.params:
            listing += having_params(store, part, query.params, wanted.provenance)
        else:
            listing += part
        if len(listing) > limit or (query.params and decoded >= MOST_DECODED):
            break
        if not part.more:
            return listing
    listing.cut_short = True
    listing.cut(limit)
    return listing


def _delete(shard: ShardConnection, runs: Sequence[str]) -> int:
    """Delete runs, then those below them. Returns how many of ``runs`` were deleted."""
    deleted, below = 0, []
    for at in range(0, len(runs), PART):
        with shard.store() as store:  # others may use the connection in between
            part = runs[at : at + PART]
            below += runs_below(store, store.having_children(part))
            deleted += len(store.delete_many(part))
    with shard.store() as store:
        delete_below(store, below)
    return deleted


def _checked_states(states: object) -> Collection[RunState]:
    """Return the states that are named; all in which a run is over for None. Raises ValueError."""
    if states is None:
        return RUN_OVER
    given = [states] if isinstance(states, str) else states
    if not isinstance(given, Collection) or not all(isinstance(item, str) for item in given):
        raise TypeError(f"states must be the names of states, not {states!r}.")
    over = sorted(state.value for state in RUN_OVER)
    for name in given:
        if name not in over:
            raise ValueError(
                f"{name!r} is not a state in which a run is over: {', '.join(over)}. Other runs "
                "cannot be deleted; cancel them first"
            )
    return frozenset(map(RunState, given))
