"""``flowkit retry``: start tasks again at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect_to_run, follow, note_missing_daemons, refuse_timeout_alone
from .inputs import json_option, run_argument, tasks_argument, timeout_option, wait_option

if TYPE_CHECKING:
    from ..client.retrying import Retried

MOST_NAMED = 10


@click.command()
@run_argument
@tasks_argument
@wait_option
@timeout_option
@json_option
@redis_options
@click.pass_context
def retry(
    ctx: click.Context,
    /,
    run_id: str,
    tasks: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Start tasks of RUN again at once: the named ones, or all that can be.

    A task that waits for a retry does not wait any longer. If the run is over, it is resumed: tasks
    that succeeded keep their results, and other failed tasks start again too. Failed at-most-once
    tasks start again if they are named, or if no task is: check first whether their work was done.
    """
    from ..client.documents.runs import Retry
    from .output import say
    from .print_json import print_document

    refuse_timeout_alone(timeout, wait=wait)
    handle = connect_to_run(ctx, options, run_id, waits=wait, timeout=timeout)
    retried = handle.retry(tasks or None)
    note_missing_daemons(handle)
    if wait:
        ctx.exit(follow(handle, timeout, as_json=as_json))
    if as_json:
        names, resumed = list(retried.tasks), retried.resumed
        print_document(Retry(run_id=handle.run_id, tasks=names, resumed=resumed))
    else:
        say(_sentence(handle.run_id, retried))


def _sentence(run_id: str, retried: Retried) -> str:
    from ..basics.counted import counted

    names = [repr(name) for name in retried.tasks[:MOST_NAMED]]
    more = len(retried.tasks) - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    tasks = f"{counted(len(retried.tasks), 'task')}: {listed}"
    if retried.resumed:
        return f"Resumed run {run_id} from {tasks}."
    return f"Run {run_id} retries {tasks}."
