"""How earlier runs of a DAG went, for an estimate of how long the next one takes.

It is read once, when a view begins, in at most ten round trips: of the newest ``SEARCHED`` runs,
those of the DAG that succeeded with as many tasks, at most ``MOST_RUNS``; of each, the records of
at most about ``SAMPLE`` tasks.
"""

from __future__ import annotations

from contextlib import suppress

from ..core.estimate import Pace, pace_of
from ..core.run_record import RunRecord
from ..core.states import RunState
from ..exceptions import RunDamaged
from .shard import ShardConnection

SEARCHED = 100
MOST_RUNS = 3
SAMPLE = 500


def earlier_paces(shard: ShardConnection, record: RunRecord) -> list[Pace]:
    """Return the paces of earlier runs of the DAG of a run; none if there are none.

    Runs that cannot be read are left out. Raises RedisUnavailable.
    """
    paces: list[Pace] = []
    with shard.store() as store:
        newest = store.read_runs(SEARCHED)
    like = [
        run
        for run in newest
        if run.state is RunState.SUCCEEDED
        and (run.dag_name, run.graph_total) == (record.dag_name, record.graph_total)
        and run.run != record.run
    ]
    for run in like[:MOST_RUNS]:
        tasks = range(0, run.total, max(1, run.total // SAMPLE))
        with suppress(RunDamaged), shard.run_store(run.run) as store:
            records = store.read_records(run.run, tasks)
            pace = pace_of([item.ended_ms / 1000 for item in records if item.ended_ms is not None])
            paces += [] if pace is None else [pace]
    return paces
