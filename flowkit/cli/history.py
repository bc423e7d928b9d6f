"""``flowkit history``: what happened to a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import complete_task, json_option, limit_option, run_argument, since_option

if TYPE_CHECKING:
    from ..client.history import HistoryEvent

_TROUBLE = frozenset({"failed", "retry", "put_off", "died", "suspect", "lost", "released"})


@click.command()
@run_argument
@click.argument("task", required=False, shell_complete=complete_task)
@click.option(
    "--trouble", is_flag=True, help="Leave out attempts that succeeded, run or were skipped."
)
@since_option("Only what happened within this time: 90s, 30m, 1h or 7d.")
@limit_option(200)
@json_option
@redis_options
@click.pass_context
def history(
    ctx: click.Context,
    /,
    run_id: str,
    task: str | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what happened to a run, oldest first: who submitted, cancelled and resumed it, and each
    attempt with its worker, its outcome and its error.

    With TASK, only the attempts of this task or item (such as parse[7]), and what happened to the
    run as a whole. With --limit, the latest events. Without TASK, the items of a mapped task that
    succeeded at once are one event.
    """
    trouble, since = options.pop("trouble"), options.pop("since")
    handle = connect_to_run(ctx, options, run_id)
    events = [
        event
        for event in handle.history(task, since=since)
        if not trouble or event.task is None or event.outcome in _TROUBLE
    ]
    shown = events[-limit:]
    if as_json:
        from ..client.documents.make_history import history_document
        from .print_json import print_document

        print_document(history_document(handle.run_id, events, limit))
    else:
        _show(shown, len(events) - len(shown))


def _show(events: Sequence[HistoryEvent], earlier: int) -> None:
    from .output import cut, local_time, note, say

    if earlier:
        note(f"… {earlier} earlier events; --limit shows them.")
    if not events:
        note("Nothing that happened to the run in this time is stored.")
    for event in events:
        say(f"{local_time(event.at)}  {cut(' '.join(str(event).split()), 300)}")
