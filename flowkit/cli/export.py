"""``flowkit export``: a run as one file, which a browser opens without a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import run_argument

STDOUT = "-"


@click.command()
@run_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to this file, - for standard output [default: RUN.html; with --json standard "
    "output]. An existing file is replaced.",
)
@click.option("--no-previews", is_flag=True, help="Leave out parameters, arguments and results.")
@click.option("--json", "as_json", is_flag=True, help="Write the data alone, as one JSON document.")
@redis_options
@click.pass_context
def export(
    ctx: click.Context,
    /,
    run_id: str,
    output: str | None,
    no_previews: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the page of a run to one file: its graph, timeline, tasks, attempts, errors, logs and
    history, and the beginnings of its values.

    The file opens in any browser, without flowkit and without a network, so it can be sent to
    somebody, or kept when the run is deleted. What matches FLOWKIT_LOG_REDACT is hidden
    in all its texts. Look at it before you send it: it has what tasks printed and returned.
    A run that is not over is recorded as it is now.
    """
    from ..client.exporting import checked_path, exported, write_export
    from .output import note

    handle = connect_to_run(ctx, options, run_id)
    if output is None:
        output = STDOUT if as_json else f"{handle.run_id}.html"
    if output != STDOUT:
        checked_path(output)
    data = exported(handle, previews=not no_previews, as_json=as_json)
    if output == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    written: Path = write_export(output, data)
    note(f"Written: {written} ({len(data):,} bytes)")
