"""Printing. Results go to standard output; everything else goes to standard error.

Nothing is printed raw: text from outside (names, results, errors) passes ``basics.display_text``,
which escapes control characters. Rich is used on a terminal only, and gets ``Text`` objects, in
which it reads no markup.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

import click

from ..basics.display_text import escape_lines, escape_text
from ..basics.size_text import size_text

STATE_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "cancelled": "yellow",
    "upstream_failed": "yellow",
    "running": "cyan",
    "waiting": "magenta",
    "skipped": "dim",
    "ok": "green",
    "unknown": "dim",
    "warning": "yellow",
    "problem": "red",
}

# If a table does not fit the terminal, its widest columns are wrapped, down to these widths: the
# first (the length of a run id), the others, the last.
LEAST_FIRST, LEAST, LEAST_LAST = 20, 9, 12


def indented(text: str) -> str:
    """Return escaped text with all lines but the first indented."""
    return escape_lines(text, "    ")


def say(text: str) -> None:
    """Print a result."""
    click.echo(escape_lines(text))


def note(text: str) -> None:
    """Print a message that is not a result."""
    click.echo(escape_lines(text), err=True)


def say_indented(text: str, *, err: bool = False) -> None:
    """Print text from outside, each line indented so that it cannot imitate our own output."""
    click.echo("    " + indented(text), err=err)


def fail(text: str) -> None:
    """Print an error. Further lines are indented, so that they cannot imitate other messages."""
    click.echo(f"Error: {indented(text)}", err=True)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: as a table on a terminal, otherwise in columns separated by 2 or more spaces."""
    cells = [[escape_text(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(headers, cells)
        return
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in (headers, *cells):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _print_rich(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = [column for column in zip(headers, *rows, strict=True) if _has_text(column, headers)]
    console = Console()
    widths = _fitting([max(map(cell_len, column)) for column in columns], console.width)
    for (header, *_), width in zip(columns, widths, strict=True):
        table.add_column(header, overflow="fold", width=width)
    for row in zip(*(cells for _, *cells in columns), strict=True):
        table.add_row(*(Text(cell, STATE_STYLES.get(cell, "")) for cell in row))
    # On a very narrow terminal, long lines are better than ids that cannot be copied.
    console.width = max(console.width, sum(widths) + _gaps(widths))
    console.print(table)


def _gaps(widths: Sequence[int]) -> int:
    """Return the blanks between columns."""
    return 2 * len(widths) - 2


def _fitting(widths: list[int], terminal: int) -> list[int]:
    """Return the widths of columns in a terminal of this width. The widest shrink first."""
    least = [LEAST_FIRST, *[LEAST] * (len(widths) - 2), LEAST_LAST][: len(widths)]
    widths = [min(width, terminal) for width in widths]
    while sum(widths) + _gaps(widths) > terminal:
        room = [width if width > low else 0 for width, low in zip(widths, least, strict=True)]
        if not any(room):
            break
        widths[room.index(max(room))] -= 1
    return widths


def _has_text(column: Sequence[str], headers: Sequence[str]) -> bool:
    """Return whether a column is shown: it has text in a row, or it is the first."""
    return column[0] == headers[0] or any(column[1:])


def print_damaged(items: Sequence[tuple[str, str]], what: str) -> None:
    """Print the damaged items of a list below it. ``what``: the heading of the name column."""
    if items:
        say("")
        print_table([what, "DAMAGED"], [[cut(item, 80), problem] for item, problem in items])


def note_more(shown: int, total: int | None, *, more: bool) -> None:
    """Print that a list has more entries than are shown. ``total``: None if they are not counted.

    ``more``: whether it has; without it nothing is printed.
    """
    if more:
        note(f"… and {'more' if total is None else f'{total - shown:,} more'}; --limit shows them.")


def cut(text: str, limit: int) -> str:
    """Return the text, truncated to ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def seconds(length: float | None) -> str:
    """Return a duration for display, "" for None."""
    if length is None:
        return ""
    if length < 60:
        return f"{length:.2f} s"
    minutes, rest = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def local_time(stamp: float) -> str:
    """Return a time (seconds since 1970) for display in local time, "?" if it is out of range.

    Redis stores the times of workers as numbers, and a damaged number can have any value.
    """
    try:
        return dt.datetime.fromtimestamp(stamp).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"


def size(number: int | None) -> str:
    """Return a number of bytes for display, such as "1.5 MB"; "?" for None."""
    return "?" if number is None else size_text(number)
