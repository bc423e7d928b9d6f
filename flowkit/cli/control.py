"""``flowkit cancel`` and ``flowkit resume``: one run, or all runs that match."""

from __future__ import annotations

import time
from typing import Any

import click

from ..daemon.options import redis_options
from .connect import await_end, connect_to_run, refuse_timeout_alone, report_resumed
from .inputs import json_option, optional_run_argument, timeout_option, wait_option
from .many_runs import change_many, many_runs_options, take_which


@click.command()
@optional_run_argument
@click.option("--wait", is_flag=True, help="Wait until no task of the run is running.")
@timeout_option
@many_runs_options
@json_option
@redis_options
@click.pass_context
def cancel(
    ctx: click.Context,
    /,
    run_id: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Cancel a run: no further task starts, and running tasks are ended.

    Instead of RUN, filters cancel all running runs that match. Runs that tasks have called are
    cancelled with the run of that task.
    """
    from ..client.documents.runs import Changed
    from .output import say
    from .print_json import print_document
    from .results import headline

    refuse_timeout_alone(timeout, wait=wait)
    which = take_which(options, run_id)
    if run_id is None:
        _refuse_for_many(wait=wait)
        ctx.exit(change_many(ctx, options, "cancel", which, as_json=as_json))
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
@optional_run_argument
@click.option(
    "--from-task",
    multiple=True,
    metavar="TASK",
    help="Rerun this task and all tasks downstream, even if they succeeded. May be repeated.",
)
@click.option(
    "--state",
    type=click.Choice(["failed", "cancelled"]),
    help="Only runs in this state.",
)
@wait_option
@timeout_option
@many_runs_options
@json_option
@redis_options
@click.pass_context
def resume(
    ctx: click.Context,
    /,
    run_id: str | None,
    from_task: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Resume a run after a failure or cancellation. Tasks that succeeded are not rerun.

    A run that succeeded with failed items (failures="collect") reruns these.

    With --from-task, a run that succeeded can be resumed too: it is rerun from that task.

    Instead of RUN, filters resume all failed and cancelled runs that match. Runs that tasks have
    called are resumed with the run of that task.
    """
    refuse_timeout_alone(timeout, wait=wait)
    which = take_which(options, run_id, state=options.pop("state"))
    if run_id is None:
        _refuse_for_many(wait=wait, from_task=from_task)
        ctx.exit(change_many(ctx, options, "resume", which, as_json=as_json))
    handle = connect_to_run(ctx, options, run_id, waits=wait, timeout=timeout)
    handle.resume(from_task or None)
    report_resumed(ctx, handle, timeout, wait=wait, as_json=as_json)


def _refuse_for_many(*, wait: bool, from_task: tuple[str, ...] = ()) -> None:
    """Raise UsageError for options that are about one run."""
    for name, given in (("--wait", wait), ("--from-task", from_task)):
        if given:
            raise click.UsageError(f"{name} is about one run: name a RUN, or leave {name} out.")
