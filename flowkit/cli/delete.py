"""``flowkit delete``: delete runs that are over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..daemon.exit_codes import ExitCode, code_of
from ..daemon.options import redis_options
from ..exceptions import RunNotFound, RunNotOver
from .connect import connect
from .inputs import checked_run_id, json_option

if TYPE_CHECKING:
    from ..client.client import Client


def checked_run_ids(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the run ids, each once, if they are valid. A click callback. Raises BadParameter."""
    for run_id in value:
        checked_run_id(ctx, param, run_id)
    return tuple(dict.fromkeys(value))


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, callback=checked_run_ids)
@click.option("--yes", is_flag=True, help="Do not ask for a confirmation.")
@json_option
@redis_options
@click.pass_context
def delete(
    ctx: click.Context, /, run_ids: tuple[str, ...], yes: bool, as_json: bool, **options: Any
) -> None:
    """Delete runs that are over, with all their data, before their TTL expires.

    A run that is not over is refused: stop it first, with 'flowkit cancel RUN --wait'. A run that
    does not exist is not an error, so the command can be repeated.
    """
    from ..client.documents.runs import Deleted, DeletedRun
    from .output import fail
    from .print_json import print_document

    _confirm(run_ids, yes=yes)
    client = connect(ctx, options)
    outcomes: dict[str, str] = {}
    refused = ExitCode.OK
    for run_id in run_ids:
        try:
            outcomes[run_id] = _delete(client, run_id)
        except RunNotOver as error:
            outcomes[run_id] = "running"
            refused = code_of(error)
            fail(str(error))
        else:
            if not as_json:
                _tell(run_id, outcomes[run_id])
    if as_json:
        items = [DeletedRun(run_id, what) for run_id, what in outcomes.items()]
        print_document(Deleted(items=items))
    ctx.exit(refused)


def _confirm(run_ids: tuple[str, ...], *, yes: bool) -> None:
    """Ask on a terminal. Without one, only ``--yes`` says that it is meant."""
    from ..basics.counted import counted

    what = f"run {run_ids[0]}" if len(run_ids) == 1 else counted(len(run_ids), "run")
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"There is no terminal to ask on. To delete {what} without a confirmation, give --yes."
        )
    click.confirm(f"Delete {what} and all results?", abort=True, err=True)


def _delete(client: Client, run_id: str) -> str:
    try:
        deleted = client.run(run_id).delete()
    except RunNotFound:
        deleted = False
    return "deleted" if deleted else "missing"


def _tell(run_id: str, outcome: str) -> None:
    from .output import note, say

    if outcome == "deleted":
        say(f"Deleted run {run_id}.")
    else:
        note(f"There is no run {run_id}. Runs are deleted by their whole ids.")
