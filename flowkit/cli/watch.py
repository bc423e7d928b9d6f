"""``flowkit watch``: follow a run that is running, and print its outcome.

It only reads: Ctrl-C ends the command and not the run.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect_to_run, follow
from .inputs import json_option, run_argument, timeout_option

if TYPE_CHECKING:
    from ..client.run_handle import RunHandle
    from .display import Display


@click.command()
@run_argument
@timeout_option
@click.option(
    "--logs/--no-logs",
    default=None,
    help="Also show what the tasks print, on standard error [default: on a terminal].",
)
@json_option
@redis_options
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    run_id: str,
    timeout: float | None,
    logs: bool | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Follow a run until its end, and print its results.

    On a terminal: a line for each running task, and a bar with the number of tasks in each state.
    Otherwise: a line from time to time. Ctrl-C ends the command; the run continues. What the tasks
    print is shown with the name of the task in front.
    """
    handle = connect_to_run(ctx, options, run_id, waits=True, timeout=timeout)

    def lines(handle: RunHandle, display: Display) -> AbstractContextManager[None]:
        from .task_lines import task_lines

        wanted = display.is_live if logs is None else logs
        return task_lines(handle, display) if wanted else nullcontext()

    ctx.exit(follow(handle, timeout, as_json=as_json, with_lines=lines))
