"""``flowkit cancel`` and ``flowkit resume``: stop a run, take one up again."""

from __future__ import annotations

import time
from typing import Any

import click

from .connect import await_end, connect, refuse_timeout_alone, tell_it_goes_on
from .daemon_options import redis_options
from .inputs import json_option, run_argument, timeout_option


@click.command()
@run_argument
@click.option("--wait", is_flag=True, help="Wait until nothing of it runs any more.")
@timeout_option
@json_option
@redis_options
@click.pass_context
def cancel(
    ctx: click.Context,
    /,
    run_id: str,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Stop a run: what has not started will not, what is executing is ended."""
    from .output import print_json, say
    from .results import headline

    refuse_timeout_alone(timeout, wait=wait)
    handle = connect(ctx, options, waits=wait, timeout=timeout).run(run_id)
    began = time.monotonic()
    handle.cancel()
    left = None if timeout is None else max(0.0, began + timeout - time.monotonic())
    late = await_end(handle, left, as_json=as_json) if wait else None
    if late is not None:
        ctx.exit(late)
    record = handle.record()
    if as_json:
        print_json({"run_id": run_id, "dag": record.dag_name, "state": record.state.value})
    else:
        say(headline(record) if wait else f"Run {run_id} is being cancelled.")


@click.command()
@run_argument
@click.option(
    "--from-task",
    multiple=True,
    metavar="TASK",
    help="Make this task again, and all that needs it, even if they succeeded. May be repeated.",
)
@click.option("--wait", is_flag=True, help="Wait for the end and print the results.")
@timeout_option
@json_option
@redis_options
@click.pass_context
def resume(
    ctx: click.Context,
    /,
    run_id: str,
    from_task: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Take a run up again after a failure or a cancel. What has succeeded is kept.

    With --from-task also a run that succeeded: from that task on, it is made again.
    """
    refuse_timeout_alone(timeout, wait=wait)
    client = connect(ctx, options, waits=wait, timeout=timeout)
    handle = client.run(run_id)
    handle.resume(from_task or None)
    tell_it_goes_on(ctx, handle, timeout, wait=wait, as_json=as_json)
