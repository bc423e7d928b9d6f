"""``flowkit cancel`` and ``flowkit resume`` for all runs that match: choose, show, ask, act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..basics.counted import counted
from ..daemon.exit_codes import ExitCode
from .connect import connect
from .inputs import confirm
from .run_filters import NAMES, run_filters

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.run_changes import RunChange, RunChanges

_F = TypeVar("_F", bound=Callable[..., Any])
MOST_REFUSALS = 20  # that are printed


@dataclass(frozen=True, slots=True)
class Which:
    """Which runs are meant, and how. ``filters``: arguments of ``Client.cancel_runs``."""

    filters: dict[str, Any]
    limit: int
    dry_run: bool
    yes: bool

    @property
    def is_given(self) -> bool:
        """Whether the command line says which runs are meant, or that none is to be changed."""
        return any(self.filters.values()) or self.dry_run


def many_runs_options(command: _F) -> _F:
    """Add the options that ``take_which`` reads."""
    options = (
        run_filters,
        click.option("--children", is_flag=True, help="Also runs that tasks have called."),
        click.option("--all", "everything", is_flag=True, help="All runs, without a filter."),
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            default=10_000,
            show_default=True,
            metavar="N",
            help="At most N of the runs that match, the newest first.",
        ),
        click.option("--dry-run", is_flag=True, help="Only show which runs match."),
        click.option("--yes", is_flag=True, help="Do not ask for a confirmation."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def take_which(options: dict[str, Any], run_id: str | None, **more: object) -> Which:
    """Take the options of ``many_runs_options`` out of ``options``.

    ``run_id``: the run that is named instead. ``more``: further filters. Raises UsageError if the
    command line names a run and also says which others, or neither.
    """
    filters = {name: options.pop(name) for name in (*NAMES, "children", "everything")} | more
    which = Which(filters, options.pop("limit"), options.pop("dry_run"), options.pop("yes"))
    names = ["--dag", "--text", "--param", "--since", "--until", *(f"--{name}" for name in more)]
    if run_id is not None and which.is_given:
        raise click.UsageError(
            "Name a RUN, or give filters: --dry-run, --all, --children, " + ", ".join(names) + "."
        )
    narrow = {name: value for name, value in filters.items() if name != "children"}
    if run_id is None and not any(narrow.values()):
        raise click.UsageError(
            f"Name a RUN, or say which runs with {', '.join(names)}, or --all for all of them."
        )
    return which


def change_many(
    ctx: click.Context, options: dict[str, Any], action: str, which: Which, *, as_json: bool
) -> ExitCode:
    """Cancel or resume the runs that match, after a question. Return the exit code.

    ``action``: ``cancel`` or ``resume``. Raises UsageError without a terminal to ask on.
    """
    client = connect(ctx, options)
    plan = _choose(client, action, which)
    if not as_json:
        _show(plan, action, which.filters.get("state"))
    changes: list[RunChange] = []
    if plan.runs and not which.dry_run:
        confirm(counted(len(plan.runs), "run"), yes=which.yes, verb=action)
        changes = client.change_runs(action, [record.run for record in plan.runs])
    if as_json:
        _print(plan, changes, action, dry_run=which.dry_run)
    elif changes:
        _tell(changes, action)
    refused = any(change.outcome.value == "refused" for change in changes)
    return ExitCode.NOT_POSSIBLE if refused else ExitCode.OK


def _choose(client: Client, action: str, which: Which) -> RunChanges:
    call = client.cancel_runs if action == "cancel" else client.resume_runs
    return call(**which.filters, limit=which.limit, dry_run=True)


def _show(plan: RunChanges, action: str, state: str | None) -> None:
    from ..client.run_changes import STATES, Action
    from .output import note, say

    if not plan.runs:
        states = [state] if state else [item.value for item in STATES[Action(action)]]
        note(f"No {' or '.join(states)} run matches.")
    else:
        counts = Counter(record.state.value for record in plan.runs)
        listed = ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))
        say(f"{counted(len(plan.runs), 'run')} to {action}: {listed}.")
    for dag, number in Counter(record.dag_name for record in plan.runs).most_common(10):
        say(f"    {number:>6}  {dag}")
    if plan.more:
        left = "more runs" if plan.left is None else counted(plan.left, "more run")
        note(f"The limit leaves out {left}. Run the command again, or raise --limit.")
    if plan.cut_short:
        note("Older runs were not searched. To bound the search yourself, give --since.")


def _tell(changes: list[RunChange], action: str) -> None:
    from .output import fail, note, say

    counts = Counter(change.outcome.value for change in changes)
    if action == "cancel":
        done = counts["cancelled"]
        say(f"{counted(done, 'run')} {'is' if done == 1 else 'are'} being cancelled.")
    else:
        say(f"Resumed {counted(counts['resumed'], 'run')}.")
    for outcome, text in (("over", "had ended"), ("missing", "had been deleted")):
        if counts[outcome]:
            note(f"{counted(counts[outcome], 'run')} {text} in the meantime.")
    refused = [change.reason for change in changes if change.outcome.value == "refused"]
    for reason in refused[:MOST_REFUSALS]:
        fail(reason)
    if len(refused) > MOST_REFUSALS:
        note(f"… and {len(refused) - MOST_REFUSALS:,} more could not be changed.")


def _print(plan: RunChanges, changes: list[RunChange], action: str, *, dry_run: bool) -> None:
    from dataclasses import replace

    from ..client.documents.run_changes import changes_document
    from ..client.run_changes import Action
    from .print_json import print_document

    done = replace(plan, changes=changes)
    print_document(changes_document(Action(action), done, dry_run=dry_run))
