"""``flowkit submit``: submit a run to a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import app_version_option, redis_options
from .connect import (
    connect,
    follow,
    note_existing,
    note_missing_daemons,
    refuse_timeout_alone,
)
from .dag_command import DAGCommand
from .inputs import (
    again_option,
    checked_run_id,
    dag_or_run,
    json_option,
    params_options,
    read_params,
    refuse_both,
    timeout_option,
    wait_option,
)
from .loading import load_dag

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.run_handle import RunHandle
    from .given import Given


@click.command(cls=DAGCommand)
@dag_or_run
@params_options
@again_option(
    "Submit the DAG of this run again, without its code. Parameters that -p does not give are "
    "those of that run; `flowkit params --again RUN` lists them."
)
@click.option(
    "--without",
    metavar="NAME",
    multiple=True,
    help="With --again: leave out a parameter of that run, so that its default applies.",
)
@click.option(
    "--run-id",
    callback=checked_run_id,
    metavar="ID",
    help="Id of the run. Submitting the same id again starts no second run; if that run has "
    "failed or was cancelled, it is an error.",
)
@click.option(
    "--ttl",
    "--result-ttl",
    "result_ttl",
    metavar="TIME",
    help="How long to keep the run after its end: 90s, 30m, 12h or 7d [FLOWKIT_RESULT_TTL; "
    "default: 7d].",
)
@wait_option
@timeout_option
@json_option
@app_version_option
@redis_options
@click.pass_context
def submit(
    ctx: click.Context,
    /,
    run_id: str | None,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Submit a run to a running system, and print its id.

    Give the file or the module of its DAG, or an earlier run with --again.
    """
    from ..client.documents.runs import Submitted
    from .output import note, say
    from .print_json import print_document

    refuse_timeout_alone(timeout, wait=wait)
    _refuse_mixed(options)
    given = read_params(options)
    client = connect(ctx, options, waits=wait, timeout=timeout)
    handle = _submitted(client, options, given, run_id)
    name = handle.graph().name
    if run_id is not None and handle.existed:
        note_existing(handle)
    else:
        note_missing_daemons(handle)
    if wait:
        if not handle.existed:
            note(f"Submitted run {handle.run_id} of DAG {name!r}.")
        ctx.exit(follow(handle, timeout, as_json=as_json))
    if as_json:
        print_document(Submitted(run_id=handle.run_id, dag=name))
    else:
        say(handle.run_id)


def _refuse_mixed(options: dict[str, Any]) -> None:
    """Raise UsageError unless there is one source of the DAG, and options that fit it."""
    refuse_both(options["spec"], options["again"])
    if options["without"] and options["again"] is None:
        raise click.UsageError("--without leaves out parameters of an earlier run: give --again.")


def _submitted(
    client: Client, options: dict[str, Any], given: Given, run_id: str | None
) -> RunHandle:
    """Submit a DAG, or that of an earlier run again, which is named as users name runs."""
    if options["again"] is None:
        loaded = load_dag(options["spec"], given)
        return client.submit(loaded.dag, run_id=run_id, params=loaded.params)
    from ..client.run_names import find_run

    earlier = find_run(client, options["again"]).run_id
    params = client.params_from_text(earlier, given) if given else {}
    return client.submit_again(earlier, params, without=options["without"], new_id=run_id)
