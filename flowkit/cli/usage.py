"""``flowkit usage``: how much memory of Redis the runs take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option, since_option

if TYPE_CHECKING:
    from ..client.usage import DAGUsage


@click.command()
@since_option("Only runs submitted within this time: 90s, 30m, 1h or 7d.")
@click.option("--dag", metavar="NAME", help="Only runs of this DAG.")
@limit_option(1000)
@json_option
@redis_options
@click.pass_context
def usage(
    ctx: click.Context,
    /,
    since: float | None,
    dag: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show how much memory of Redis the runs take, by DAG, the largest first.

    It counts the newest runs of each shard, as many as --limit says. Sizes are those that Redis
    reports; it estimates large ones. Queues, state stores and cached results are not counted.
    """
    from ..client.documents.make_usage import usage_document
    from .output import note, print_damaged, print_table
    from .print_json import print_document

    listing = connect(ctx, options).usage(limit, since)
    usages = [entry for entry in listing if dag in (None, entry.dag_name)]
    if as_json:
        print_document(usage_document(listing, usages))
        return
    if usages or listing.damaged:
        print_table(
            ["DAG", "RUNS", "RUNNING", "MEMORY", "LARGEST RUN", ""], list(map(_row, usages))
        )
        print_damaged(listing.damaged, "RUN")
    else:
        note("There are no runs." if dag is None else f"There are no runs of DAG {dag}.")
    if any(entry.memory is None for entry in usages):
        note("This Redis does not tell how much memory keys take, or its user may not ask.")
    if listing.cut_short:
        note(f"Only the newest {limit:,} runs of each shard were counted; --limit counts more.")


def _row(entry: DAGUsage) -> list[str]:
    from .output import size

    memory, largest = size(entry.memory), size(entry.largest_memory)
    return [entry.dag_name, str(entry.runs), str(entry.running), memory, entry.largest, largest]
