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
    from .documents.queues import QueueEntry

COLUMNS = ["QUEUE", "WAITING", "OLDEST", "PER MINUTE", "MEAN", "WORKERS", "BUSY", "DELAYED"]


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
    listing = connect(ctx, options).queues()
    matching = [
        queue
        for queue in by_waiting(listing)
        if (not names or queue.name in names)
        and (not waiting or queue.waiting)
        and (not stuck or queue.is_stuck)
    ]
    if as_json:
        _print_json(matching, limit, listing.damaged, cut_short=listing.cut_short)
    else:
        _show(matching, limit, listing.damaged, cut_short=listing.cut_short)


def by_waiting(listing: Sequence[QueueInfo]) -> list[QueueInfo]:
    """Return the queues with most waiting tasks first."""
    return sorted(listing, key=lambda queue: (-queue.waiting, queue.name))


def _show(
    matching: Sequence[QueueInfo],
    limit: int,
    damaged: Sequence[tuple[str, str]],
    *,
    cut_short: bool,
) -> None:
    from ..core.queue_info import queue_problem
    from .output import note, print_damaged, print_table

    shown = matching[:limit]
    if shown:
        print_table(COLUMNS, [queue_row(queue) for queue in shown])
    else:
        note("There are no such queues.")
    print_damaged(damaged, "WORKER")
    for queue in shown:
        if problem := queue_problem(queue):
            note(problem)
    if len(matching) > limit:
        note(f"… and {len(matching) - limit} more; --limit shows them.")
    if cut_short:
        note("There are more lists of waiting tasks than were counted.")


def queue_row(queue: QueueInfo) -> list[str]:
    """Return the cells of ``COLUMNS``. "?" is a number that no worker reports."""
    from .output import seconds

    return [
        queue.name,
        _waiting(queue),
        seconds(queue.oldest_s),
        "?" if queue.per_minute is None else f"{queue.per_minute:,.0f}",
        seconds(queue.mean_s),
        str(queue.workers),
        busy_text(queue.busy, queue.lanes, queue.busy_async),
        "?" if queue.delayed is None else str(queue.delayed),
    ]


def _waiting(queue: QueueInfo) -> str:
    """Return "12", or "12 (9: 2, 5: 10)" if tasks of several priorities wait."""
    if len(queue.levels) < 2:
        return str(queue.waiting)
    levels = ", ".join(f"{level}: {number}" for level, number in queue.levels.items())
    return f"{queue.waiting} ({levels})"


def busy_text(busy: int | None, lanes: int, busy_async: int | None) -> str:
    """Return "2 of 4", with "+ 30 async" if such tasks are executing; "" without workers."""
    if not lanes:
        return ""
    more = f" + {busy_async} async" if busy_async else ""
    return f"{'?' if busy is None else busy} of {lanes}{more}"


def _print_json(
    matching: Sequence[QueueInfo],
    limit: int,
    damaged: Sequence[tuple[str, str]],
    *,
    cut_short: bool,
) -> None:
    from .documents.document import damaged_entries, print_document
    from .documents.queues import Queues

    print_document(
        Queues(
            items=[queue_entry(queue) for queue in matching[:limit]],
            damaged=damaged_entries(damaged),
            matching=len(matching),
            more=len(matching) > limit,
            cut_short=cut_short,
        )
    )


def queue_entry(queue: QueueInfo) -> QueueEntry:
    """Return a queue as part of a JSON document."""
    from ..core.queue_info import queue_problem
    from .documents.queues import QueueEntry, UnservedEntry
    from .output import rounded, utc

    return QueueEntry(
        queue=queue.name,
        waiting=queue.waiting,
        levels=queue.levels,
        oldest=utc(queue.oldest),
        oldest_seconds=rounded(queue.oldest_s),
        delayed=queue.delayed,
        unserved=[
            UnservedEntry(waiting=item.waiting, run_id=item.run_id, task=item.task)
            for item in queue.unserved
        ],
        workers=queue.workers,
        processes=queue.lanes,
        busy=queue.busy,
        busy_async=queue.busy_async,
        per_minute=rounded(queue.per_minute),
        mean_seconds=rounded(queue.mean_s),
        problem=queue_problem(queue),
    )
