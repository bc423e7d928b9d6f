"""``flowkit top`` without a screen: the tables once, or a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...client.documents.make_queues import by_waiting, queue_entry
from ...client.documents.stamps import rounded, utc
from ...core.queue_info import queue_problem
from ..output import note, print_damaged, print_table, say
from ..queue_rows import COLUMNS, queue_row
from .rows import RUN_COLUMNS, WORKER_COLUMNS, leaderless, run_row, summary, worker_row

if TYPE_CHECKING:
    from ...client.activity import SystemActivity
    from ...client.documents.top import TopRun, TopWorker
    from ...core.run_record import RunRecord
    from ...core.worker_info import WorkerInfo


def print_once(activity: SystemActivity) -> None:
    """Print the tables of queues, workers and runs."""
    say(summary(activity))
    if why := leaderless(activity):
        note(why)
    queues = by_waiting(activity.queues)
    if queues:
        say("")
        print_table(COLUMNS, [queue_row(queue) for queue in queues])
    if activity.workers:
        say("")
        print_table(WORKER_COLUMNS, [worker_row(info) for info in activity.workers])
    else:
        note("No worker is running: start flowkit-worker --app …")
    if activity.runs:
        say("")
        print_table(RUN_COLUMNS, [run_row(run, activity.now) for run in activity.runs])
    print_damaged(activity.runs.damaged, "RUN")
    print_damaged(activity.workers.damaged, "WORKER")
    for queue in queues:
        if problem := queue_problem(queue):
            note(problem)


def print_json(activity: SystemActivity) -> None:
    """Print the document ``flowkit/top/1``."""
    from ...client.documents.document import damaged_entries
    from ...client.documents.top import Top
    from ..print_json import print_document

    broken = [(info.worker, info.damaged) for info in activity.workers if info.damaged]
    print_document(
        Top(
            now=utc(activity.now),
            scheduler=activity.scheduler.leads,
            unfinished=activity.unfinished,
            runs=[_run(run) for run in activity.runs],
            queues=[queue_entry(queue) for queue in activity.queues],
            workers=[_worker(info) for info in activity.workers if not info.damaged],
            damaged=damaged_entries([*activity.runs.damaged, *activity.workers.damaged, *broken]),
        )
    )


def _run(run: RunRecord) -> TopRun:
    from ...client.documents.top import TopRun

    return TopRun(
        run_id=run.run,
        dag=run.dag_name,
        state=run.state.value,
        stopping=run.stopping,
        submitted=utc(run.submitted_ms / 1000),
        total=run.total,
        counts=run.counts,
    )


def _worker(info: WorkerInfo) -> TopWorker:
    from ...client.documents.top import TopWorker

    rate = None if info.rates is None else sum(rate.per_minute for rate in info.rates)
    return TopWorker(
        worker=info.worker,
        host=info.host,
        app=info.app,
        queues=list(info.queues),
        processes=info.processes,
        busy=info.busy,
        busy_async=info.busy_async,
        per_minute=rounded(rate),
    )
