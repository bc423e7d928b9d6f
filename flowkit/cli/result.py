"""``flowkit result``: the results of a run or of one of its tasks."""

from __future__ import annotations

from pprint import pformat
from typing import TYPE_CHECKING, Any

import click

from ..codec.describe import describe
from ..core.states import RunState
from ..daemon.exit_codes import ExitCode
from ..daemon.options import redis_options
from .connect import await_end, code_of_state, connect_to_run, refuse_timeout_alone
from .inputs import complete_task, json_option, run_argument, timeout_option

if TYPE_CHECKING:
    from ..client.run_handle import RunHandle

LONGEST_DESCRIPTION = 10_000  # characters shown of a result that is too long


@click.command()
@run_argument
@click.argument("task", required=False, shell_complete=complete_task)
@click.option("--wait", is_flag=True, help="Wait for the end of the run first.")
@timeout_option
@json_option
@redis_options
@click.pass_context
def result(
    ctx: click.Context,
    /,
    run_id: str,
    task: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the results of a run so far, or the full result of one TASK."""
    refuse_timeout_alone(timeout, wait=wait)
    handle = connect_to_run(ctx, options, run_id, waits=wait, timeout=timeout)
    late = await_end(handle, timeout, as_json=False) if wait else None
    if late is not None:
        ctx.exit(late)
    if task is not None:
        _show_task(handle, task, as_json=as_json)
        return
    ctx.exit(_show_all(handle, as_json=as_json))


def _show_task(handle: RunHandle, task: str, *, as_json: bool) -> None:
    from .output import say
    from .print_json import print_value
    from .results import result_of

    value = result_of(handle, task)
    if as_json:
        print_value(value)
    else:
        say(value if isinstance(value, str) else _pretty(value))


def _pretty(value: object) -> str:
    try:
        return pformat(value, width=100, sort_dicts=False)
    except ValueError:  # Python refuses to write an int of thousands of digits
        return describe(value, LONGEST_DESCRIPTION)


def _show_all(handle: RunHandle, *, as_json: bool) -> ExitCode:
    from ..client.documents.runs import Results
    from .output import note
    from .print_json import print_document
    from .results import headline, results_of, show_error, show_results

    record = handle.record()
    if as_json:
        state = record.state.value
        print_document(Results(run_id=record.run, state=state, results=results_of(handle)))
    else:
        show_results(handle)
    if record.state is RunState.RUNNING:
        note(f"Run {handle.run_id} is still running: these are the results so far.")
        return ExitCode.OK
    if record.state is RunState.FAILED:
        show_error(handle.error())
    elif record.state is RunState.CANCELLED:
        note(headline(record))
    return code_of_state(record.state)
