"""How much memory of Redis the runs take, by DAG.

The newest runs are read, a hundred at a time, and Redis is asked for the size of each of their
keys. It estimates large ones from a few items, so the cost depends on the number of runs only:
about 0.3 s for a thousand (measured with Redis 7 on a busy core).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.run_record import RunRecord
from ..core.states import RunState
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from .shard import ShardConnection

PART = 100  # runs asked for at once


@dataclass(slots=True)
class DAGUsage:
    """The memory that runs of the DAGs of one name take in Redis.

    ``runs``: how many there are, and ``running`` how many of them are not over. ``memory``: bytes
    of their data, with their graphs; None if Redis does not tell. ``largest``: the id of the run
    that takes most, and ``largest_memory`` its bytes, without its graph.
    """

    dag_name: str
    runs: int = 0
    running: int = 0
    memory: int | None = None
    largest: str = ""
    largest_memory: int | None = None


def read_usage(
    shards: Sequence[ShardConnection], limit: int, since: float | None
) -> Listing[DAGUsage]:
    """Return the usage of each DAG, the largest first. See ``Client.usage``."""
    usages: dict[str, DAGUsage] = {}
    listing: Listing[DAGUsage] = Listing()
    for shard in shards:
        with shard.store() as store:
            runs = store.read_runs(limit + 1, since_ms=store.ms_before(since))
            listing.damaged += runs.damaged
            listing.cut_short = listing.cut_short or len(runs) > limit
            _add(store, runs[:limit], usages)
    listing += sorted(usages.values(), key=lambda usage: (-(usage.memory or 0), usage.dag_name))
    return listing


def _add(store: ClientStore, runs: Sequence[RunRecord], usages: dict[str, DAGUsage]) -> None:
    for at in range(0, len(runs), PART):
        part = runs[at : at + PART]
        sizes = store.memory_of(part)
        for place, run in enumerate(part):
            usage = usages.setdefault(run.dag_name, DAGUsage(run.dag_name))
            _add_run(usage, run, None if sizes is None else sizes[place])
    # A graph is stored once, however many runs use it.
    graphs = list({run.digest: run for run in runs}.values())
    sizes = store.memory_of_graphs([run.digest for run in graphs])
    for run, size in zip(graphs, sizes or (), strict=bool(sizes)):
        usage = usages[run.dag_name]
        usage.memory = (usage.memory or 0) + size


def _add_run(usage: DAGUsage, run: RunRecord, size: int | None) -> None:
    usage.runs += 1
    usage.running += run.state is RunState.RUNNING
    if size is None:
        return
    usage.memory = (usage.memory or 0) + size
    if size > (usage.largest_memory or 0):
        usage.largest, usage.largest_memory = run.run, size
