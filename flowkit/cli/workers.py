"""``flowkit workers``: the live workers of a running system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option

if TYPE_CHECKING:
    from ..client.documents.document import Damaged
    from ..client.documents.system import WorkerEntry, Workers
    from ..client.shard import ShardConnection
    from ..core.worker_info import WorkerInfo

_COLUMNS = (
    "WORKER", "SHARD", "HOST", "PID", "APP", "QUEUES", "PROCESSES", "APP_VERSION", "VERSION",
)  # fmt: skip


@click.command()
@click.option("--queue", metavar="NAME", help="Only workers that serve this queue.")
@click.option("--host", metavar="NAME", help="Only workers on this machine.")
@click.option("--app", metavar="NAME", help="Only workers that serve this app.")
@limit_option(100)
@json_option
@redis_options
@click.pass_context
def workers(ctx: click.Context, /, limit: int, as_json: bool, **options: Any) -> None:
    """List live workers, and report shards without a leading scheduler."""
    from ..client.documents.system import Workers
    from .print_json import print_document

    wanted = {name: options.pop(name) for name in ("queue", "host", "app")}
    shards = connect(ctx, options).shards
    positions = [connection.shard.shard_position for connection in shards]
    reasons = [connection.why_leaderless() for connection in shards]
    leaderless = {at: why for at, why in zip(positions, reasons, strict=True) if why}
    entries, damaged = _entries(shards, wanted)
    document = Workers(
        scheduler=not leaderless,
        shards=len(shards),
        shards_without=list(leaderless),
        items=entries[:limit],
        damaged=damaged[:limit],
        matching=len(entries),
        more=len(entries) > limit,
    )
    if as_json:
        print_document(document)
    else:
        _show(document, leaderless, all_of_them=not any(wanted.values()))


def _entries(
    shards: Sequence[ShardConnection], wanted: Mapping[str, str | None]
) -> tuple[list[WorkerEntry], list[Damaged]]:
    """Return the live workers that are wanted, and those that cannot be read."""
    from ..client.documents.document import Damaged

    entries: list[WorkerEntry] = []
    damaged: list[Damaged] = []
    for connection in shards:
        alive = connection.workers()
        damaged += [Damaged(*item) for item in alive.damaged]
        damaged += [Damaged(info.worker, info.damaged) for info in alive if info.damaged]
        shard = connection.shard.shard_position if len(shards) > 1 else None
        entries += [_entry(info, shard) for info in alive if _is_wanted(info, wanted)]
    return entries, damaged


def _is_wanted(info: WorkerInfo, wanted: Mapping[str, str | None]) -> bool:
    if info.damaged:
        return False
    serves = wanted["queue"] is None or wanted["queue"] in info.queues
    return serves and wanted["host"] in (None, info.host) and wanted["app"] in (None, info.app)


def _show(document: Workers, leaderless: dict[str, str], *, all_of_them: bool) -> None:
    """Print the live workers. ``leaderless``: shards without a leading scheduler, and why."""
    from .output import note, note_more, print_damaged, print_table

    several = document.shards > 1
    for shard_position, reason in leaderless.items():
        where = f"Shard {shard_position}: " if several else ""
        note(f"{where}{reason}: start flowkit-scheduler.")
    if not document.items and not document.damaged:
        none = "No worker is running: start flowkit-worker --app …"
        note(none if all_of_them else "No such worker is running: 'flowkit workers' lists all.")
        return
    hidden = () if several else ("SHARD",)
    columns = [column for column in _COLUMNS if column not in hidden]
    rows = [_row(entry, with_shard=several) for entry in document.items]
    print_table(columns, rows)
    note_more(len(rows), document.matching, more=document.more)
    print_damaged([(item.name, item.damaged) for item in document.damaged], "WORKER")


def _row(entry: WorkerEntry, *, with_shard: bool) -> list[str]:
    versions = ", ".join([entry.app_version, *entry.other_versions])
    shard = [entry.shard or ""] if with_shard else []
    queues, processes = ", ".join(entry.queues), str(entry.processes)
    about = [entry.host, str(entry.pid), entry.app, queues, processes, versions, entry.version]
    return [entry.worker, *shard, *about]


def _entry(info: WorkerInfo, shard: str | None) -> WorkerEntry:
    from ..client.documents.system import WorkerEntry

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
