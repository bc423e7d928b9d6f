"""``flowkit watch``: follow a run that is running, and print its outcome.

It only reads: Ctrl-C ends the command and not the run.
"""

from __future__ import annotations

from typing import Any

import click

from ..daemon.options import redis_options
from .connect import connect_to_run, follow
from .inputs import json_option, run_argument, timeout_option


@click.command()
@run_argument
@timeout_option
@json_option
@redis_options
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    run_id: str,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Follow a run until its end, and print its results.

    On a terminal: a line for each running task, and a bar with the number of tasks in each state.
    Otherwise: a line from time to time. Ctrl-C ends the command; the run continues.
    """
    handle = connect_to_run(ctx, options, run_id, waits=True, timeout=timeout)
    ctx.exit(follow(handle, timeout, as_json=as_json))
