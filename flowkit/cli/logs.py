"""``flowkit logs``: what the tasks of a run printed and logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..basics.log_level import LogLevel
from ..core.numbering import labelled
from ..daemon.options import redis_options
from .connect import connect_to_run
from .inputs import complete_task, run_argument, since_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..basics.log_line import LogLine
    from ..client.run_handle import RunHandle

LEVELS = (*LogLevel.__members__, "CRITICAL")


@click.command()
@run_argument
@click.argument("task", required=False, shell_complete=complete_task)
@click.option(
    "--attempt", type=click.IntRange(min=1), metavar="N", help="Only this attempt of the tasks."
)
@click.option(
    "-f", "--follow", is_flag=True, help="Also print lines that come, until the run has ended."
)
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    help="Only lines of at least this level. What a task prints is INFO.",
)
@since_option("Only lines of this time: 90s, 30m, 1h or 7d.")
@click.option(
    "--tail", type=click.IntRange(min=1), metavar="N", help="Only the last N lines there are now."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for each line.")
@redis_options
@click.pass_context
def logs(
    ctx: click.Context, /, run_id: str, task: str | None, as_json: bool, **options: Any
) -> None:
    """Show what the tasks of RUN printed and logged, or one TASK or item, such as parse[7].

    Each line begins with the time, the task and, from the second one on, the attempt.
    """
    attempt, since = options.pop("attempt"), options.pop("since")
    is_narrowed = any((task, attempt, since, options["level"]))
    which = {name: options.pop(name) for name in ("follow", "level", "tail")}
    handle = connect_to_run(ctx, options, run_id, waits=which["follow"])
    lines = handle.logs(task, attempt, since=since, **which)
    if as_json:
        _print_documents(handle.run_id, lines)
    elif not _print_lines(lines, task=task):
        _note_nothing(handle, is_narrowed=is_narrowed)


def _note_nothing(handle: RunHandle, *, is_narrowed: bool) -> None:
    from .output import note

    nothing = f"No {'such ' if is_narrowed else ''}lines are stored"
    if handle.record().has_children:
        note(
            f"{nothing} with this run. What its child runs print is stored with them. To list "
            f"them: flowkit status {handle.run_id}"
        )
        return
    note(
        f"{nothing}. Workers keep what tasks print unless FLOWKIT_TASK_LOGS or "
        "FLOWKIT_CAPTURE_OUTPUT is false."
    )


def _print_lines(lines: Iterable[LogLine], *, task: str | None) -> bool:
    """Print lines; return whether there were any. ``task``: need not be named in each line."""
    from .output import indented
    from .task_lines import text_of, text_of_missing

    any_line = False
    for line in lines:
        any_line = True
        head = _head(line, show_task=line.task != task)
        if line.missing:
            click.echo(head + text_of_missing(line))
        click.echo(head + indented(text_of(line)))
    return any_line


def _head(line: LogLine, *, show_task: bool) -> str:
    from ..basics.display_text import escape_text
    from .output import local_time

    millis = int(line.time * 1000) % 1000
    clock = f"{local_time(line.time)[-8:]}.{millis:03d}"
    attempt = f"#{line.attempt}" if line.attempt > 1 else ""
    shown = escape_text(labelled(f"{line.task}{attempt}", line.label))
    name = f"{shown}: " if show_task else f"{attempt} " * bool(attempt)
    return f"{clock} {name}"


def _print_documents(run_id: str, lines: Iterable[LogLine]) -> None:
    from ..client.documents.make_logs import line_document
    from .print_json import print_document_line

    for line in lines:
        print_document_line(line_document(run_id, line))
