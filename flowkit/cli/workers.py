"""``flowkit workers``: the live workers of a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option

if TYPE_CHECKING:
    from ..core.worker_info import WorkerInfo
    from .documents.document import Damaged
    from .documents.system import WorkerEntry, Workers

_COLUMNS = (
    "WORKER", "SHARD", "HOST", "PID", "APP", "QUEUES", "PROCESSES", "APP_VERSION", "VERSION",
)  # fmt: skip


@click.command()
@json_option
@redis_options
@click.pass_context
def workers(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """List live workers, and report shards without a leading scheduler."""
    from .documents.document import Damaged, print_document
    from .documents.system import Workers

    shards = connect(ctx, options).shards
    entries: list[WorkerEntry] = []
    damaged: list[Damaged] = []
    leaderless: dict[str, str] = {}
    for connection in shards:
        position = connection.shard.shard_position
        reason = connection.why_leaderless()
        if reason:
            leaderless[position] = reason
        alive = connection.workers()
        damaged += [Damaged(*item) for item in alive.damaged]
        damaged += [Damaged(info.worker, info.damaged) for info in alive if info.damaged]
        shard = position if len(shards) > 1 else None
        entries += [_entry(info, shard) for info in alive if not info.damaged]
    document = Workers(
        scheduler=not leaderless,
        shards=len(shards),
        shards_without=list(leaderless),
        items=entries,
        damaged=damaged,
        matching=len(entries),
        more=False,
    )
    if as_json:
        print_document(document)
    else:
        _show(document, leaderless)


def _show(document: Workers, leaderless: dict[str, str]) -> None:
    """Print the live workers. ``leaderless``: shards without a leading scheduler, and why."""
    from .output import note, print_damaged, print_table

    several = document.shards > 1
    for shard_position, reason in leaderless.items():
        where = f"Shard {shard_position}: " if several else ""
        note(f"{where}{reason}: start flowkit-scheduler.")
    if not document.items and not document.damaged:
        note("No worker is running: start flowkit-worker --app …")
        return
    hidden = () if several else ("SHARD",)
    columns = [column for column in _COLUMNS if column not in hidden]
    rows = [_row(entry, with_shard=several) for entry in document.items]
    print_table(columns, rows)
    print_damaged([(item.name, item.damaged) for item in document.damaged], "WORKER")


def _row(entry: WorkerEntry, *, with_shard: bool) -> list[str]:
    versions = ", ".join([entry.app_version, *entry.other_versions])
    shard = [entry.shard or ""] if with_shard else []
    queues, processes = ", ".join(entry.queues), str(entry.processes)
    about = [entry.host, str(entry.pid), entry.app, queues, processes, versions, entry.version]
    return [entry.worker, *shard, *about]


def _entry(info: WorkerInfo, shard: str | None) -> WorkerEntry:
    from .documents.system import WorkerEntry

    return WorkerEntry(
        worker=info.worker,
        shard=shard,
        host=info.host,
        pid=info.pid,
        app=info.app,
        queues=list(info.queues),
        processes=info.processes,
        concurrency=info.concurrency,
        version=info.version,
        app_version=info.app_version,
        other_versions=list(info.other_versions),
        ready=info.ready,
        waiting=info.waiting,
        busy=info.busy,
        busy_async=info.busy_async,
        ended_per_minute=_rates(info),
    )


def _rates(info: WorkerInfo) -> dict[str, float] | None:
    """Return the attempts that end in a minute, by queue; None if the worker does not report it."""
    if info.rates is None:
        return None
    return {rate.queue: round(rate.per_minute, 1) for rate in info.rates}
