"""``flowkit submit``: submit a run to a running system."""

from __future__ import annotations

from typing import Any

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
    checked_run_id,
    dag_argument,
    json_option,
    params_options,
    read_params,
    timeout_option,
    wait_option,
)
from .loading import load_dag


@click.command(cls=DAGCommand)
@dag_argument
@params_options
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
    """Submit a run to a running system, and print its id."""
    from ..client.documents.runs import Submitted
    from .output import note, say
    from .print_json import print_document

    refuse_timeout_alone(timeout, wait=wait)
    given = read_params(options)
    client = connect(ctx, options, waits=wait, timeout=timeout)
    loaded = load_dag(options["spec"], given)
    dag = loaded.dag
    handle = client.submit(dag, run_id=run_id, params=loaded.params)
    if run_id is not None and handle.existed:
        note_existing(handle)
    else:
        note_missing_daemons(handle)
    if wait:
        if not handle.existed:
            note(f"Submitted run {handle.run_id} of DAG {dag.name!r}.")
        ctx.exit(follow(handle, timeout, as_json=as_json))
    if as_json:
        print_document(Submitted(run_id=handle.run_id, dag=dag.name))
    else:
        say(handle.run_id)
