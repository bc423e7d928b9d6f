"""The command ``python -m tests.chaos``: plays scenarios and says what held.

Exit codes: 0; 1 if something was violated; 2 for wrong options.
"""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from .table import SCENARIOS, Verdict, play

DEFAULT_SEED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[SCENARIO]…")
@click.option(
    "--seed", type=int, default=DEFAULT_SEED, show_default=True, help="What faults follow."
)
@click.option(
    "--full", is_flag=True, help="Play the full sizes: minutes for each instead of seconds."
)
@click.option(
    "--older",
    metavar="REV",
    help="The revision that `versions` mixes with this one; at full size the newest tag, or 8 "
    "commits back.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per scenario.")
@click.option("--logs", is_flag=True, help="After a failure, print what the processes wrote.")
@click.option("--list", "listing", is_flag=True, help="List the scenarios and play none.")
def main(
    names: tuple[str, ...],
    seed: int,
    full: bool,
    older: str | None,
    **printing: bool,
) -> None:
    """Play SCENARIOs, or all of them; each may be named by its name or its row."""
    by_any = {
        key: scenario
        for scenario in SCENARIOS.values()
        for key in (scenario.name, scenario.row.lower())
    }
    unknown = [name for name in names if name.lower() not in by_any]
    if unknown:
        raise click.UsageError(f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    chosen = [by_any[name.lower()] for name in names] or list(SCENARIOS.values())
    failed = 0
    for item in chosen:
        if printing["listing"]:
            click.echo(f"{item.row:<5}{item.name:<14}{item.claim}")
            continue
        verdict = play(item, seed, full=full, older=older)
        failed += not verdict.passed
        show(verdict, as_json=printing["as_json"])
        if printing["logs"] and verdict.logs:
            click.echo(verdict.logs, err=True)
    sys.exit(failed > 0)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def show(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(verdict.as_json()))
        return
    word = "PASS" if verdict.passed else "FAIL"
    click.echo(f"{word} {verdict.row} {verdict.name}: {verdict.claim}")
    click.echo(f"     seed {verdict.seed}, {verdict.seconds} s")
    for name, value in verdict.figures.items():
        click.echo(f"     {name}: {value}")
    for sentence in verdict.violations[:20]:
        click.echo(f"     violated: {sentence}")
    if len(verdict.violations) > 20:
        click.echo(f"     … and {len(verdict.violations) - 20} more")
    if not verdict.passed:
        click.echo(f"     again: {verdict.rerun}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)  # what was started has to be ended
    main()
