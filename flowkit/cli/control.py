"""``flowkit cancel`` and ``flowkit resume``: cancel a run, or resume one."""

from __future__ import annotations

import time
from typing import Any

import click

from ..daemon.options import redis_options
from .connect import await_end, connect_to_run, refuse_timeout_alone, report_resumed
from .inputs import json_option, run_argument, timeout_option, wait_option


@click.command()
@run_argument
@click.option("--wait", is_flag=True, help="Wait until no task of the run is running.")
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
    """Cancel a run: no further task starts, and running tasks are ended."""
    from ..client.documents.runs import Changed
    from .output import say
    from .print_json import print_document
    from .results import headline

    refuse_timeout_alone(timeout, wait=wait)
    handle = connect_to_run(ctx, options, run_id, waits=wait, timeout=timeout)
    began = time.monotonic()
    handle.cancel()
    left = None if timeout is None else max(0.0, began + timeout - time.monotonic())
    late = await_end(handle, left, as_json=as_json) if wait else None
    if late is not None:
        ctx.exit(late)
    record = handle.record()
    if as_json:
        state = record.state.value
        print_document(Changed(run_id=handle.run_id, dag=record.dag_name, state=state))
    else:
        say(headline(record) if wait else f"Run {handle.run_id} is being cancelled.")


@click.command()
@run_argument
@click.option(
    "--from-task",
    multiple=True,
    metavar="TASK",
    help="Rerun this task and all tasks downstream, even if they succeeded. May be repeated.",
)
@wait_option
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
    """Resume a run after a failure or cancellation. Tasks that succeeded are not rerun.

    A run that succeeded with failed items (failures="collect") reruns these.

    With --from-task, a run that succeeded can be resumed too: it is rerun from that task.
    """
    refuse_timeout_alone(timeout, wait=wait)
    handle = connect_to_run(ctx, options, run_id, waits=wait, timeout=timeout)
    handle.resume(from_task or None)
    report_resumed(ctx, handle, timeout, wait=wait, as_json=as_json)
