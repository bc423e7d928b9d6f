"""Makes the documents about DAGs."""

from __future__ import annotations

from ...core.spread import Spread
from ...protocol.listings import Listing
from ..dag_activity import DAGActivity, TaskActivity
from .dags import DAGEntry, DAGs, SpreadEntry, TaskActivities, TaskActivityEntry
from .document import damaged_entries
from .make_runs import run_entry
from .stamps import rounded


def dags_document(listing: Listing[DAGActivity], limit: int) -> DAGs:
    """Return a list of DAGs."""
    return DAGs(
        items=[
            DAGEntry(
                dag=dag.dag_name,
                runs=dag.runs,
                states=dag.states,
                failure_rate=rounded(dag.failure_rate),
                took=_spread(dag.took),
                recent=list(map(run_entry, dag.recent)),
            )
            for dag in listing[:limit]
        ],
        damaged=damaged_entries(listing.damaged),
        matching=len(listing),
        more=len(listing) > limit,
        cut_short=listing.cut_short,
    )


def task_activities_document(
    dag: str, listing: Listing[TaskActivity], limit: int
) -> TaskActivities:
    """Return how the tasks of a DAG go."""
    return TaskActivities(
        dag=dag,
        items=[
            TaskActivityEntry(
                task=task.task,
                mapped=task.mapped,
                ended=task.ended,
                failed=task.failed,
                retried=task.retried,
                took=_spread(task.took),
            )
            for task in listing[:limit]
        ],
        damaged=damaged_entries(listing.damaged),
        matching=len(listing),
        more=len(listing) > limit,
        cut_short=listing.cut_short,
    )


def _spread(spread: Spread | None) -> SpreadEntry | None:
    if spread is None:
        return None
    return SpreadEntry(
        count=spread.count,
        p10=round(spread.p10, 3),
        p50=round(spread.p50, 3),
        p90=round(spread.p90, 3),
        p99=round(spread.p99, 3),
        longest=round(spread.longest, 3),
    )
