"""``flowkit ls`` and ``flowkit workers``: the runs and workers of a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option, since_option

if TYPE_CHECKING:
    from ..core.run_record import RunRecord
    from ..core.worker_info import WorkerInfo

_STATES = [state.value for state in RunState]


@click.command()
@limit_option(20)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@click.option("--dag", metavar="NAME", help="Only runs of this DAG.")
@since_option("Only runs submitted within this time: 90s, 30m, 1h or 7d.")
@json_option
@redis_options
@click.pass_context
def ls(
    ctx: click.Context,
    /,
    limit: int,
    state: str | None,
    dag: str | None,
    since: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """List runs, newest first.

    With --state or --dag, only the newest 100,000 runs of each shard are searched.
    """
    from .output import damaged_documents, note, print_damaged, print_json, print_table

    runs = connect(ctx, options).runs(limit, state, dag=dag, since=since)
    if as_json:
        documents = [_run_document(run) for run in runs]
        print_json([*documents, *damaged_documents(runs.damaged, "run_id")])
    elif runs or runs.damaged:
        columns = ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"]
        print_table(columns, [_run_row(run) for run in runs])
        print_damaged(runs.damaged, "RUN")
    else:
        which = f" {state}" if state else ""
        of_dag = f" of DAG {dag}" if dag else ""
        note(f"There are no{which} runs{of_dag}{'' if since is None else ' in this time'}.")
    if runs.cut_short and not as_json:
        note("Older runs were not searched. To bound the search yourself, give --since.")


def _run_row(run: RunRecord) -> list[str]:
    from .output import local_time, seconds
    from .results import duration_of

    submitted, length = local_time(run.submitted_ms / 1000), seconds(duration_of(run))
    return [run.run, run.dag_name, run.state.value, submitted, length, str(run.total)]


def _run_document(run: RunRecord) -> dict[str, object]:
    from .output import utc
    from .results import duration_of

    return {
        "run_id": run.run,
        "dag": run.dag_name,
        "state": run.state.value,
        "submitted": utc(run.submitted_ms / 1000),
        "duration": duration_of(run),
        "total": run.total,
        "counts": run.counts,
    }


@click.command()
@json_option
@redis_options
@click.pass_context
def workers(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """List live workers, and report shards without a leading scheduler."""
    from .output import damaged_documents, print_json

    shards = connect(ctx, options).shards
    documents: list[dict[str, object]] = []
    leaderless: dict[str, str] = {}
    for connection in shards:
        place = {"shard": connection.shard.shard_position} if len(shards) > 1 else {}
        reason = connection.why_leaderless()
        if reason:
            leaderless[connection.shard.shard_position] = reason
        alive = connection.workers()
        documents += [_worker_document(worker, place) for worker in alive]
        damaged = damaged_documents(alive.damaged, "worker")
        documents += [{**document, **place} for document in damaged]
    if as_json:
        several = len(shards) > 1
        per_shard = {"shards": len(shards), "shards_without": list(leaderless)} if several else {}
        print_json({"scheduler": not leaderless, **per_shard, "workers": documents})
    else:
        _show_workers(documents, leaderless, len(shards))


def _show_workers(
    documents: list[dict[str, object]], leaderless: dict[str, str], shards: int
) -> None:
    """Print the live workers. ``leaderless``: shards without a leading scheduler, and why."""
    from .output import note, print_damaged, print_table

    for shard_position, reason in leaderless.items():
        where = f"Shard {shard_position}: " if shards > 1 else ""
        note(f"{where}{reason}: start flowkit-scheduler.")
    if documents:
        names = ["worker", "host", "pid", "app", "queues", "processes", "app_version", "version"]
        columns = [*names[:1], "shard", *names[1:]] if shards > 1 else names
        intact = [_with_versions(document) for document in documents if "damaged" not in document]
        rows = [[_cell(worker.get(column, "")) for column in columns] for worker in intact]
        print_table([column.upper() for column in columns], rows)
        damaged = [worker for worker in documents if "damaged" in worker]
        items = [(str(worker["worker"]), str(worker["damaged"])) for worker in damaged]
        print_damaged(items, "WORKER")
    else:
        note("No worker is running: start flowkit-worker --app …")


def _worker_document(info: WorkerInfo, place: dict[str, str]) -> dict[str, object]:
    if info.damaged:
        return {"worker": info.worker, **place, "damaged": info.damaged}
    return {
        "worker": info.worker,
        **place,
        "host": info.host,
        "pid": info.pid,
        "app": info.app,
        "queues": list(info.queues),
        "processes": info.processes,
        "concurrency": info.concurrency,
        "version": info.version,
        "app_version": info.app_version,
        "other_versions": list(info.other_versions),
        "ready": info.ready,
        "waiting": info.waiting,
        "busy": info.busy,
        "busy_async": info.busy_async,
        "ended_per_minute": _rates(info),
    }


def _rates(info: WorkerInfo) -> dict[str, float] | None:
    """Return the attempts that end in a minute, by queue; None if the worker does not report it."""
    if info.rates is None:
        return None
    return {rate.queue: round(rate.per_minute, 1) for rate in info.rates}


def _with_versions(document: dict[str, object]) -> dict[str, object]:
    """Return the document of a worker with all versions of its app in one column."""
    others = document.get("other_versions")
    versions = [document.get("app_version"), *(others if isinstance(others, list) else ())]
    return {**document, "app_version": versions}


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
