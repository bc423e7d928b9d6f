"""The command ``python -m tests.hostile``: attacks running daemons and says what was violated.

Exit codes: 0; 1 if something was violated; 2 for wrong options.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from . import campaign
from .actions import read_actions
from .campaign import Campaign, Plan, Report
from .hand import KINDS
from .shrink import shrunk


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=float, default=3600.0, show_default=True, help="How long.")
@click.option("--seed", type=int, default=1, show_default=True, help="What attacks follow.")
@click.option("--only", multiple=True, metavar="KIND", help="Play this kind; may be repeated.")
@click.option("--skip", multiple=True, metavar="KIND", help="Leave this kind out.")
@click.option("--pace", type=float, default=15.0, show_default=True, help="Actions a second.")
@click.option("--cycle", type=float, default=300.0, show_default=True, help="Seconds of a round.")
@click.option("--stop", "stop_early", is_flag=True, help="End at the first violation.")
@click.option("--replay", "file", type=click.Path(exists=True, path_type=Path), help="A file.")
@click.option("--shrink", is_flag=True, help="Find few actions of the file that still violate.")
@click.option("--rule", default="", help="With --shrink: the rule that must be violated.")
@click.option("--notes", type=click.Path(path_type=Path), help="Where actions are noted.")
@click.option("--keep", is_flag=True, help="Keep the folder with the logs of all processes.")
@click.option("--list", "listing", is_flag=True, help="List the kinds and attack nothing.")
def main(
    only: tuple[str, ...],
    skip: tuple[str, ...],
    file: Path | None,
    notes: Path | None,
    listing: bool,
    **options: bool | float | int | str,
) -> None:
    """Attack running daemons, with honest runs beside it."""
    if listing:
        show_kinds()
        return
    try:
        kinds = campaign.chosen(only, skip)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    notes = notes or Path(tempfile.mkstemp(prefix="flowkit-hostile-", suffix=".jsonl")[1])
    plan = Plan(
        float(options["seconds"]), int(options["seed"]), kinds, float(options["pace"]),
        float(options["cycle"]), bool(options["stop_early"]),
    )  # fmt: skip
    if file is None:
        click.echo(f"actions are noted in {notes}")
        report = play(notes, lambda item: item.play(plan), keep=bool(options["keep"]))
    elif options["shrink"]:
        result = shrunk(read_actions(file), str(options["rule"]), notes, click.echo)
        click.echo(f"{len(result)} actions are left, in {notes}")
        return
    else:
        actions = [action for action in read_actions(file) if action.kind in kinds]
        report = play(
            notes, lambda item: item.replay(actions, plan.pace), keep=bool(options["keep"])
        )
    show(report, notes)
    sys.exit(bool(report.findings))


def play(notes: Path, what: Callable[[Campaign], Report], *, keep: bool) -> Report:
    """Play a campaign in its own folder, which is deleted unless it is to be kept."""
    folder = tempfile.mkdtemp(prefix="flowkit-hostile-")
    try:
        return campaign.run(Path(folder), notes, click.echo, what)
    finally:
        if keep:
            click.echo(f"logs are in {folder}")
        else:
            _remove(Path(folder))


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def show_kinds() -> None:
    """Print each kind with its class and what it does."""
    for kind in KINDS.values():
        what = " ".join((kind.draw.__doc__ or "").split())
        click.echo(f"{kind.name:<20}{kind.harm.name.lower():<10}{what}")


def show(report: Report, notes: Path) -> None:
    """Print figures and violations, and how to play them again."""
    for name, value in report.figures.items():
        click.echo(f"     {name}: {value}")
    for finding in report.findings:
        click.echo(f"     violated: {finding}")
    if report.findings:
        click.echo(f"FAIL {len(report.findings)} violations in {report.actions} actions; again:")
        click.echo(f"     python -m tests.hostile --replay {notes}")
        click.echo(f"     python -m tests.hostile --replay {notes} --shrink --rule RULE")
    else:
        click.echo(f"PASS {report.actions} actions")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)  # what was started has to be ended
    main()
