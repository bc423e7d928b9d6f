"""``flowkit ls`` and ``flowkit workers``: what there is in a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from .connect import connect
from .daemon_options import redis_options
from .inputs import json_option, limit_option

if TYPE_CHECKING:
    from ..protocol.run_records import RunRecord
    from ..protocol.worker_info import WorkerInfo

_STATES = [state.value for state in RunState]


@click.command()
@limit_option(20)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@json_option
@redis_options
@click.pass_context
def ls(ctx: click.Context, /, limit: int, state: str | None, as_json: bool, **options: Any) -> None:
    """List runs, newest first."""
    from .output import damaged_documents, note, print_damaged, print_json, print_table

    runs = connect(ctx, options).runs(limit, state)
    if as_json:
        documents = [_run_document(run) for run in runs]
        print_json([*documents, *damaged_documents(runs.damaged, "run_id")])
    elif runs or runs.damaged:
        columns = ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"]
        print_table(columns, [_run_row(run) for run in runs])
        print_damaged(runs.damaged, "RUN")
    else:
        note("There are no runs." if state is None else f"There are no {state} runs.")


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
    """List live workers, and tell whether a scheduler leads, in each shard if there are several."""
    from ..no_leader import no_leader
    from .output import damaged_documents, print_json

    shards = connect(ctx, options).shards
    found: list[dict[str, object]] = []
    unled: dict[str, str] = {}
    for one in shards:
        place = {"shard": one.shard.layout} if len(shards) > 1 else {}
        with one.store() as store:
            why = no_leader(store)
            if why:
                unled[one.shard.layout] = why
            alive = store.alive_workers()
        found += [_worker_document(worker, place) for worker in alive]
        damaged = damaged_documents(alive.damaged, "worker")
        found += [{**document, **place} for document in damaged]
    if as_json:
        lacking = {"shards": len(shards), "shards_without": list(unled)} if len(shards) > 1 else {}
        print_json({"scheduler": not unled, **lacking, "workers": found})
    else:
        _show_workers(found, unled, len(shards))


def _show_workers(found: list[dict[str, object]], unled: dict[str, str], shards: int) -> None:
    """Print the live workers; ``unled``: the shards that no scheduler leads, and why."""
    from .output import note, print_damaged, print_table

    for layout, why in unled.items():
        where = f"Shard {layout}: " if shards > 1 else ""
        note(f"{where}{why}: start flowkit-scheduler.")
    if found:
        names = ["worker", "host", "pid", "app", "queues", "processes", "version"]
        columns = [*names[:1], "shard", *names[1:]] if shards > 1 else names
        honest = [worker for worker in found if "damaged" not in worker]
        rows = [[_cell(worker.get(column, "")) for column in columns] for worker in honest]
        print_table([column.upper() for column in columns], rows)
        damaged = [worker for worker in found if "damaged" in worker]
        items = [(str(one["worker"]), str(one["damaged"])) for one in damaged]
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
        "ready": info.ready,
        "waiting": info.waiting,
    }


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
