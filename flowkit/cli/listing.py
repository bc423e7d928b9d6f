"""``flowkit ls``: the runs of a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option, since_option

if TYPE_CHECKING:
    from ..core.run_record import RunRecord

_STATES = [state.value for state in RunState]


@click.command()
@limit_option(20)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@click.option("--dag", metavar="NAME", help="Only runs of this DAG.")
@click.option("--children", is_flag=True, help="List the runs that tasks have called, too.")
@since_option("Only runs submitted within this time: 90s, 30m, 1h or 7d.")
@json_option
@redis_options
@click.pass_context
def ls(
    ctx: click.Context,
    /,
    limit: int,
    state: str | None,
    dag: str | None,
    since: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """List runs, newest first. The runs that tasks have called are left out without --children.

    With --state or --dag, only the newest 100,000 runs of each shard are searched.
    """
    from ..client.documents.make_runs import runs_document
    from .output import note, note_more, print_damaged, print_table
    from .print_json import print_document

    children = options.pop("children")
    runs = connect(ctx, options).runs(limit, state, dag=dag, since=since, children=children)
    if as_json:
        print_document(runs_document(runs))
    elif runs or runs.damaged:
        columns = ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"]
        print_table(columns, [_run_row(run) for run in runs])
        print_damaged(runs.damaged, "RUN")
    else:
        which = f" {state}" if state else ""
        of_dag = f" of DAG {dag}" if dag else ""
        note(f"There are no{which} runs{of_dag}{'' if since is None else ' in this time'}.")
    if not as_json:
        note_more(len(runs), runs.total, more=runs.more)
    if runs.cut_short and not as_json:
        note("Older runs were not searched. To bound the search yourself, give --since.")


def _run_row(run: RunRecord) -> list[str]:
    from .output import local_time, seconds

    submitted, length = local_time(run.submitted_ms / 1000), seconds(run.duration)
    state = "stopping" if run.stopping else run.state.value
    return [run.run, run.dag_name, state, submitted, length, str(run.total)]
