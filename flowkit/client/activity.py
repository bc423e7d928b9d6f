"""What happens in a system now: its unfinished runs, its queues, its workers, its scheduler.

The cost does not depend on the number of runs, tasks or finished runs: about twenty round trips to
each shard, and bounded replies. So it can be read every second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.cause_texts import why_leaderless
from ..core.queue_info import QueueInfo
from ..core.run_record import RunRecord
from ..core.states import RunState
from ..core.worker_info import WorkerInfo
from ..protocol.client_store import ClientStore
from ..protocol.listings import Listing
from .queue_reading import add_queues, queues_of
from .scheduler_info import SchedulerInfo
from .shard import ShardConnection


@dataclass(frozen=True, slots=True)
class SystemActivity:
    """What happens now. ``now``: seconds since 1970 by the clock of Redis.

    ``runs``: unfinished runs, the newest first, and then the newest of the others. ``unfinished``:
    how many unfinished runs there are; None if this user may not read it, and then ``runs`` are
    just the newest.
    """

    now: float
    runs: Listing[RunRecord] = field(default_factory=Listing)
    unfinished: int | None = None
    queues: Listing[QueueInfo] = field(default_factory=Listing)
    workers: Listing[WorkerInfo] = field(default_factory=Listing)
    scheduler: SchedulerInfo = field(default_factory=lambda: SchedulerInfo({}))


def read_activity(shards: Sequence[ShardConnection], limit: int) -> SystemActivity:
    """Read all shards. ``limit``: how many runs. See ``Client.activity``."""
    queues: dict[str, QueueInfo] = {}
    listing: Listing[QueueInfo] = Listing()
    runs: Listing[RunRecord] = Listing()
    workers: Listing[WorkerInfo] = Listing()
    leaderless: dict[str, str] = {}
    unfinished: list[int | None] = []
    now_ms = 0
    for shard in shards:
        with shard.store() as store:
            now_ms = store.redis_now_ms()
            unfinished.append(_take_runs(store, limit, runs))
            alive = store.alive_workers()
            add_queues(queues, listing, queues_of(store, alive))
            workers.take(alive)
            reason = why_leaderless(store.lease_left_ms())
        if reason:
            leaderless[shard.shard.shard_position] = reason
    runs.sort(key=lambda run: (run.state is RunState.RUNNING, run.submitted_ms), reverse=True)
    runs.cut(limit)
    listing += sorted(queues.values(), key=lambda queue: queue.name)
    known = [number for number in unfinished if number is not None]
    return SystemActivity(
        now_ms / 1000,
        runs,
        sum(known) if len(known) == len(unfinished) else None,
        listing,
        workers,
        SchedulerInfo(leaderless),
    )


def _take_runs(store: ClientStore, limit: int, runs: Listing[RunRecord]) -> int | None:
    """Add the runs of one shard; return how many are unfinished."""
    active, total = store.read_unfinished(limit)
    runs.take(active)
    known = {run.run for run in active}
    newest = store.read_runs(limit)
    runs += [run for run in newest if run.run not in known]
    runs.damaged += newest.damaged
    return total
