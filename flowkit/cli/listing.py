"""``flowkit ls``: the runs of a running system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from ..daemon.options import redis_options
from .connect import connect
from .inputs import json_option, limit_option
from .run_filters import run_filters

if TYPE_CHECKING:
    from ..client.documents.runs import Runs
    from ..core.run_record import RunRecord

_STATES = [state.value for state in RunState]


@click.command()
@limit_option(20)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@run_filters
@click.option("--children", is_flag=True, help="List the runs that tasks have called, too.")
@click.option("--before", metavar="NEXT", help="Continue a list: what its end or --json says.")
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

    With --state, --dag or --text, only the newest 100,000 runs of each shard are searched; with
    --param, only the newest 5,000 of those that match otherwise.
    """
    from ..client.documents.make_runs import runs_document
    from .print_json import print_document

    wanted = {name: options.pop(name) for name in ("text", "params", "until", "before")}
    _check_cursor(wanted["before"])
    children = options.pop("children")
    client = connect(ctx, options)
    runs = client.runs(limit, state, dag=dag, since=since, children=children, **wanted)
    document = runs_document(runs)
    if as_json:
        print_document(document)
    else:
        _show(
            runs, document, state, dag, in_time=since is not None, is_narrowed=any(wanted.values())
        )


def _check_cursor(before: str | None) -> None:
    from ..client.run_search import cursor_of

    try:
        cursor_of(before)
    except ValueError as error:
        raise click.UsageError(f"--before: {error}") from None


def _show(
    runs: Sequence[RunRecord],
    document: Runs,
    state: str | None,
    dag: str | None,
    *,
    in_time: bool,
    is_narrowed: bool,
) -> None:
    from .output import note, note_more, print_damaged, print_table

    if runs or document.damaged:
        columns = ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"]
        print_table(columns, [_run_row(run) for run in runs])
        print_damaged([(item.name, item.damaged) for item in document.damaged], "RUN")
    elif is_narrowed:
        note("There are no such runs.")
    else:
        which = f" {state}" if state else ""
        of_dag = f" of DAG {dag}" if dag else ""
        note(f"There are no{which} runs{of_dag}{' in this time' if in_time else ''}.")
    note_more(len(runs), document.matching, more=document.more)
    if document.next:
        note(f"To continue: --before {document.next}")
    if document.cut_short:
        note("Older runs were not searched. To bound the search yourself, give --since.")


def _run_row(run: RunRecord) -> list[str]:
    from .output import local_time, seconds

    submitted, length = local_time(run.submitted_ms / 1000), seconds(run.duration)
    state = "stopping" if run.stopping else run.state.value
    return [run.run, run.dag_name, state, submitted, length, str(run.total)]
