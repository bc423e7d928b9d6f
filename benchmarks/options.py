"""Options that the commands of this folder share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import click

from . import report

Sizes = dict[str, int]
Row = TypeVar("Row")
Command = TypeVar("Command", bound=Callable[..., object])

_SHARED = (
    click.option(
        "--repeat", type=click.IntRange(1), default=5, show_default=True, help="Times each."
    ),
    click.option("--json", "json_output", is_flag=True, help="Print JSON instead of a table."),
    click.option(
        "--write", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Also put the table into this document, e.g. docs/performance.md.",
    ),
)  # fmt: skip


def chosen(flag: str, name: str, known: Collection[str], text: str) -> Callable[[Command], Command]:
    """Return an option that selects some of these. The default is all."""
    return click.option(
        flag,
        name,
        multiple=True,
        type=click.Choice([str(item) for item in known]),
        help=f"{text} Can be repeated.",
    )


def sizes_option(known: Collection[str], text: str) -> Callable[[Command], Command]:
    """Return the option ``--size WORKLOAD=N`` for these workloads."""
    return click.option(
        "--size", "sizes", multiple=True, callback=sizes_of(known), metavar="WORKLOAD=N",
        help=f"{text} Can be repeated.",
    )  # fmt: skip


cache_option = click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path),
    help="Keep the environments of the other libraries below this folder [a temporary one].",
)  # fmt: skip


def in_turns(rows: Sequence[Row], repeat: int) -> Iterator[tuple[Row, str]]:
    """Yield each row several times, in turns (A B C A B C), and the number of the turn in words.

    So a busy moment of the machine affects all rows.
    """
    for turn in range(repeat):
        for row in rows:
            yield row, f"{turn + 1} of {repeat}"


def shared_options(command: Command) -> Command:
    """Add ``--repeat``, ``--json`` and ``--write``."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def write_table(document: Path | None, table: str, place: str = "figures") -> None:
    """Put the table into the document of ``--write``. Raises ClickException if it has no marks."""
    if document is None:
        return
    try:
        report.write_into(document, table, place)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def end_if_missed(check: bool, what: str, missed: Sequence[str]) -> None:
    """With ``--check``, print what was missed and exit with 1."""
    if check and missed:
        click.echo(f"{what}: " + "; ".join(missed), err=True)
        sys.exit(1)


def sizes_of(
    known: Collection[str],
) -> Callable[[click.Context, click.Parameter, Sequence[str]], Sizes]:
    """Return the callback of ``--size WORKLOAD=N`` for these workloads."""

    def parse(context: click.Context, option: click.Parameter, given: Sequence[str]) -> Sizes:
        sizes: Sizes = {}
        for text in given:
            name, _, number = text.partition("=")
            if name not in known or not number.isdecimal() or int(number) < 1:
                raise click.BadParameter(
                    f"{text!r}: write WORKLOAD=N with N from 1; workloads: {', '.join(known)}"
                )
            sizes[name] = int(number)
        return sizes

    return parse
