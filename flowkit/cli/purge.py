"""``flowkit purge``: delete runs that are over, and what killed commands left on this machine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from ..core.states import RUN_OVER
from ..daemon.options import redis_options, settings_from
from .connect import connect
from .inputs import confirm, json_option
from .run_filters import NAMES, run_filters

if TYPE_CHECKING:
    from ..client.purging import Purge

_STATES = sorted(state.value for state in RUN_OVER)
_DEFAULT_AGE = "1d"


def _age(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Return an age in seconds. 0 is allowed. A click callback. Raises BadParameter."""
    from ..configuration.quantities import duration

    seconds = duration(value)
    if seconds is None:
        raise click.BadParameter(f"{value!r} is not a duration: write 90s, 30m, 12h, 7d or 0.")
    return seconds


def _states(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Return the states in a list with commas. A click callback. Raises BadParameter."""
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in _STATES:
            raise click.BadParameter(
                f"{name!r} is not a state in which a run is over: {', '.join(_STATES)}. Runs that "
                "are not over are never purged."
            )
    return names


@click.command()
@click.option(
    "--older-than",
    metavar="DURATION",
    default=_DEFAULT_AGE,
    show_default=True,
    callback=_age,
    help="Only runs that ended longer ago: 90s, 30m, 12h, 7d; 0 for any.",
)
@click.option(
    "--state",
    "states",
    metavar="STATE[,STATE]",
    callback=_states,
    help=f"Only runs that ended so: {', '.join(_STATES)}.",
)
@run_filters
@click.option(
    "--children/--no-children",
    default=True,
    help="Also runs that tasks have called (the default), or only with the run of that task.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Delete at most N runs, the oldest first.",
)
@click.option(
    "--left-behind",
    is_flag=True,
    help="Instead of runs, delete what killed `flowkit run` and `flowkit dev` commands left: "
    "folders of this user on this machine and, with a Redis URL, namespaces of single runs there.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask for a confirmation.")
@json_option
@redis_options
@click.pass_context
def purge(
    ctx: click.Context,
    /,
    left_behind: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Delete runs that are over, with all their data, before their TTL expires.

    It shows what it will delete, and asks. Runs that are not over are never deleted.
    """
    if left_behind:
        from .left_behind import purge_left_behind

        if options["states"] or any(options[name] for name in NAMES):
            raise click.UsageError(
                "--left-behind deletes no runs: leave out --state and --dag, and other filters."
            )
        purge_left_behind(settings_from(options), dry_run=dry_run, yes=yes, as_json=as_json)
        return
    wanted = {name: options.pop(name) for name in ("older_than", "states", "limit", *NAMES)}
    wanted["children"] = options.pop("children")
    client = connect(ctx, options)
    plan = client.purge(**wanted, dry_run=True)
    if not as_json:
        _show_plan(plan, wanted)
    deleted = 0
    if plan.runs and not dry_run:
        confirm(_runs(len(plan.runs)), yes=yes)
        deleted = client.purge_runs(plan)
    if as_json:
        _print_plan(plan, deleted, dry_run=dry_run)
    elif plan.runs and not dry_run:
        _show_deleted(plan, deleted)


def _show_plan(plan: Purge, wanted: dict[str, Any]) -> None:
    from .output import note, say, seconds, size

    age = seconds(wanted["older_than"]) if wanted["older_than"] else ""
    when = f" that ended more than {age} ago" if age else " that ended"
    of_dag = f" of DAG {wanted['dag']}" if wanted["dag"] else ""
    if not plan.runs:
        states = " or ".join(wanted["states"] or ())
        narrow = " and match" if any(wanted[name] for name in NAMES if name != "dag") else ""
        note(f"There are no {f'{states} ' if states else ''}runs{of_dag}{when}{narrow}.")
        return
    counts = Counter(record.state.value for record in plan.runs)
    listed = ", ".join(f"{number} {state}" for state, number in sorted(counts.items()))
    memory = "" if plan.memory is None else f"; about {size(plan.memory)}"
    say(f"{_runs(len(plan.runs))}{of_dag}{when}: {listed}{memory}.")
    for dag, number in Counter(record.dag_name for record in plan.runs).most_common(10):
        say(f"    {number:>6}  {dag}")
    if plan.more:
        note("There are more such runs. Run the command again, or raise --limit.")


def _show_deleted(plan: Purge, deleted: int) -> None:
    from .output import note, say

    say(f"Deleted {_runs(deleted)}.")
    if deleted < len(plan.runs):
        kept = len(plan.runs) - deleted
        note(f"{_runs(kept)} had been resumed or deleted in the meantime.")


def _runs(number: int) -> str:
    from ..basics.counted import counted

    return counted(number, "run")


def _print_plan(plan: Purge, deleted: int, *, dry_run: bool) -> None:
    from ..client.documents.purge import PurgeDocument, PurgedRun
    from ..client.documents.stamps import utc
    from .print_json import print_document

    items = [
        PurgedRun(
            run_id=record.run,
            dag=record.dag_name,
            state=record.state.value,
            finished=utc(None if record.finished_ms is None else record.finished_ms / 1000),
        )
        for record in plan.runs
    ]
    print_document(
        PurgeDocument(
            dry_run=dry_run, deleted=deleted, memory=plan.memory, items=items, more=plan.more
        )
    )
