"""``flowkit workers``: the live workers of a running system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option

if TYPE_CHECKING:
    from ..client.documents.system import WorkerEntry, Workers
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
    from ..client.documents.make_workers import read_workers
    from .print_json import print_document

    wanted = {name: options.pop(name) for name in ("queue", "host", "app")}
    shards = connect(ctx, options).shards
    document, leaderless = read_workers(shards, limit, lambda info: _is_wanted(info, wanted))
    if as_json:
        print_document(document)
    else:
        _show(document, leaderless, all_of_them=not any(wanted.values()))


def _is_wanted(info: WorkerInfo, wanted: Mapping[str, str | None]) -> bool:
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
