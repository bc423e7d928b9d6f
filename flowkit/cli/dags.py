"""``flowkit dags``: how the runs of each DAG go, and how the tasks of one DAG go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option, since_option

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.dag_activity import DAGActivity, TaskActivity
    from ..core.spread import Spread


@click.command()
@click.argument("dag", required=False)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Count the newest N runs. [default: 1000, and 20 for the tasks of one DAG]",
)
@since_option("Only runs submitted within this time: 90s, 30m, 1h or 7d. Not with DAG.")
@limit_option(50)
@json_option
@redis_options
@click.pass_context
def dags(
    ctx: click.Context,
    /,
    dag: str | None,
    runs: int | None,
    since: float | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show how many runs of each DAG failed and how long they took. With the name of a DAG, show
    how long its tasks take, the slowest first.

    P50, P90 and P99 are percentiles: half, nine tenths and 99 % of the durations are not longer.
    """
    if dag is not None and since is not None:
        raise click.UsageError("--since does not go with the name of a DAG; use --runs.")
    client = connect(ctx, options)
    if dag is None:
        _show_dags(client, runs or 1000, since, limit, as_json=as_json)
    else:
        _show_tasks(client, dag, runs or 20, limit, as_json=as_json)


def _show_dags(
    client: Client, runs: int, since: float | None, limit: int, *, as_json: bool
) -> None:
    from ..client.documents.make_dags import dags_document
    from .output import note, note_more, print_damaged, print_table
    from .print_json import print_document

    listing = client.dags(runs, since)
    if as_json:
        print_document(dags_document(listing, limit))
        return
    if listing or listing.damaged:
        columns = ["DAG", "RUNS", "FAILED", "RUNNING", "P50", "P90", "P99", "LONGEST"]
        print_table(columns, [_dag_row(dag) for dag in listing[:limit]])
        print_damaged(listing.damaged[:limit], "RUN")
        note_more(min(limit, len(listing)), len(listing), more=len(listing) > limit)
    else:
        note("There are no runs.")
    if listing.cut_short:
        note(f"Only the newest {runs:,} runs were counted; --runs counts more.")


def _show_tasks(client: Client, dag: str, runs: int, limit: int, *, as_json: bool) -> None:
    from ..client.documents.make_dags import task_activities_document
    from .output import note, note_more, print_damaged, print_table
    from .print_json import print_document

    listing = client.task_activity(dag, runs)
    if as_json:
        print_document(task_activities_document(dag, listing, limit))
        return
    if listing or listing.damaged:
        columns = ["TASK", "ENDED", "FAILED", "RETRIED", "P50", "P90", "P99", "LONGEST"]
        print_table(columns, [_task_row(task) for task in listing[:limit]])
        print_damaged(listing.damaged[:limit], "RUN")
        note_more(min(limit, len(listing)), len(listing), more=len(listing) > limit)
    else:
        note(f"There are no runs of DAG {dag}.")


def _dag_row(dag: DAGActivity) -> list[str]:
    rate = dag.failure_rate
    failed = f"{dag.states.get('failed', 0)}" + ("" if not rate else f" ({rate:.0%})")
    running = str(dag.states.get("running", 0))
    return [dag.dag_name, str(dag.runs), failed, running, *_spread(dag.took)]


def _task_row(task: TaskActivity) -> list[str]:
    counts = [str(task.ended), str(task.failed), str(task.retried)]
    return [task.task, *counts, *_spread(task.took)]


def _spread(spread: Spread | None) -> list[str]:
    from .output import seconds

    if spread is None:
        return [""] * 4
    return [seconds(length) for length in (spread.p50, spread.p90, spread.p99, spread.longest)]
