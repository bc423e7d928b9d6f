"""``flowkit queues``: what waits in the queues of a running system, and who serves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option

if TYPE_CHECKING:
    from ..core.queue_info import QueueInfo


@click.command()
@click.option(
    "--queue", "names", metavar="NAME", multiple=True, help="Only this queue. Repeatable."
)
@click.option("--waiting", is_flag=True, help="Only queues in which tasks wait.")
@click.option("--stuck", is_flag=True, help="Only queues with tasks that no live worker can run.")
@limit_option(50)
@json_option
@redis_options
@click.pass_context
def queues(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    waiting: bool,
    stuck: bool,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show how many tasks wait in each queue, since when, and which workers serve it."""
    from ..client.documents.make_queues import by_waiting, queues_document
    from .print_json import print_document

    listing = connect(ctx, options).queues()
    matching = [
        queue
        for queue in by_waiting(listing)
        if (not names or queue.name in names)
        and (not waiting or queue.waiting)
        and (not stuck or queue.is_stuck)
    ]
    if as_json:
        print_document(queues_document(listing, matching, limit))
    else:
        is_narrowed = bool(names or waiting or stuck)
        _show(matching, limit, listing.damaged, listing.cut_short, is_narrowed)


def _show(
    matching: Sequence[QueueInfo],
    limit: int,
    damaged: Sequence[tuple[str, str]],
    cut_short: bool,
    is_narrowed: bool,
) -> None:
    from ..core.queue_info import queue_problem
    from .output import note, note_more, print_damaged, print_table
    from .queue_rows import COLUMNS, queue_row

    shown = matching[:limit]
    if shown:
        print_table(COLUMNS, [queue_row(queue) for queue in shown])
    else:
        note("There are no such queues." if is_narrowed else "No task waits, and no worker runs.")
    print_damaged(damaged, "WORKER")
    for queue in shown:
        if problem := queue_problem(queue):
            note(problem)
    note_more(len(shown), len(matching), more=len(matching) > limit)
    if cut_short:
        note("There are more lists of waiting tasks than were counted.")
