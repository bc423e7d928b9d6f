"""``flowkit ls`` and ``flowkit workers``: what there is in a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..core.states import RunState
from .connect import connect
from .daemon_options import redis_options
from .inputs import json_option, limit_option

if TYPE_CHECKING:
    from ..protocol.client_store import RunRecord

_STATES = [state.value for state in RunState]


@click.command()
@limit_option(20)
@click.option("--state", type=click.Choice(_STATES), help="Only runs in this state.")
@json_option
@redis_options
@click.pass_context
def ls(ctx: click.Context, /, limit: int, state: str | None, as_json: bool, **options: Any) -> None:
    """List runs, newest first."""
    from .output import note, print_json, print_table

    runs = connect(ctx, options).runs(limit, state)
    if as_json:
        print_json([_run_document(run) for run in runs])
    elif runs:
        print_table(
            ["RUN", "DAG", "STATE", "SUBMITTED", "DURATION", "TASKS"], [_run_row(r) for r in runs]
        )
    else:
        note("There are no runs." if state is None else f"There are no {state} runs.")


def _run_row(run: RunRecord) -> list[str]:
    from .output import local_time, seconds
    from .results import duration_of

    submitted, length = local_time(run.submitted_ms / 1000), seconds(duration_of(run))
    return [run.run, run.dag_name, run.state.value, submitted, length, str(run.total)]


def _run_document(run: RunRecord) -> dict[str, object]:
    from .output import utc
    from .results import duration_of

    return {
        "run_id": run.run,
        "dag": run.dag_name,
        "state": run.state.value,
        "submitted": utc(run.submitted_ms / 1000),
        "duration": duration_of(run),
        "total": run.total,
        "counts": run.counts,
    }


@click.command()
@json_option
@redis_options
@click.pass_context
def workers(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """List live workers, and tell whether a scheduler leads."""
    from .output import note, print_json, print_table

    with connect(ctx, options).store() as store:
        leads = store.has_leader()
        found = [{"worker": worker, **_about(packed)} for worker, packed in store.alive_workers()]
    if as_json:
        print_json({"scheduler": leads, "workers": found})
        return
    if not leads:
        note("No scheduler is running: start flowkit-scheduler.")
    if found:
        columns = ("worker", "host", "pid", "app", "queues", "processes", "version")
        rows = [[_cell(one.get(column, "")) for column in columns] for one in found]
        print_table([column.upper() for column in columns], rows)
    else:
        note("No worker is running: start flowkit-worker --app …")


def _about(packed: bytes) -> dict[str, object]:
    import msgpack

    try:
        about = msgpack.unpackb(packed)
    except (ValueError, msgpack.UnpackException):
        return {}
    return {str(key): value for key, value in about.items()} if isinstance(about, dict) else {}


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
