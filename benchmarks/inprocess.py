"""The command ``python -m benchmarks.inprocess``: one process, compared with Dask and Prefect.

The rows take turns (A B C A B C), so that a busy moment of the machine affects all rows.
Exit codes: 0; 1 if ``--check`` found a limit exceeded or something could not be measured; 2 for
wrong options.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from . import report, venvs
from .contest import ENTRIES, LABELS, LIBRARIES, PINS, Entry, Result, times_flowkit, value_of
from .daemons import BrokenSystemError
from .options import (
    cache_option,
    chosen,
    end_if_missed,
    in_turns,
    shared_options,
    sizes_option,
    write_table,
)

HEAD = ("what", "with", "tasks", "median", "min–max", "unit", "× flowkit", "limit")
NUMBERS = ("tasks", "median", "× flowkit", "limit")
SIZED = [name for name in LABELS if name != "import"]


def measure(entries: Sequence[Entry], repeat: int, cache: Path | None) -> list[Result]:
    """Measure each row ``repeat`` times, in turns. ``cache``: None for a temporary folder."""
    with venvs.folder_for(cache) as folder:
        pythons: dict[str, Path] = {}
        if any(entry.library != "flowkit" for entry in entries):
            click.echo("Installing Dask and Prefect, unless they are there already", err=True)
            python = venvs.install(folder, PINS)
            pythons = {library: python for library in LIBRARIES if library != "flowkit"}
        for entry in entries:
            if entry.workload == "import":
                value_of(entry, pythons)  # compiles the bytecode
        values: dict[Entry, list[float]] = {entry: [] for entry in entries}
        for entry, which in in_turns(entries, repeat):
            click.echo(f"{LABELS[entry.workload]}: {entry.name}, {which}", err=True)
            values[entry].append(value_of(entry, pythons))
    return [Result(entry, tuple(result)) for entry, result in values.items()]


def as_json(results: Sequence[Result], around: Mapping[str, object]) -> str:
    """Return everything, including each value."""
    listed = [
        {
            "workload": result.entry.workload,
            "library": result.entry.library,
            "form": result.entry.form,
            "tasks": result.entry.size or None,
            "unit": result.entry.unit,
            "median": round(result.median, 4),
            "values": [round(value, 4) for value in result.values],
            "times_flowkit": times_flowkit(result, results),
            "limit": result.entry.limit,
            "missed": result.missed,
        }
        for result in results
    ]
    return json.dumps({"around": dict(around), "figures": listed}, indent=2)


def _row(result: Result, results: Sequence[Result]) -> tuple[str, ...]:
    entry, times = result.entry, times_flowkit(result, results)
    limit = "" if entry.limit is None else f"≤ {report.number(entry.limit)}"
    return (
        LABELS[entry.workload],
        entry.name,
        f"{entry.size:,}" if entry.size else "",
        report.number(result.median),
        report.spread(result.values),
        entry.unit,
        "" if times is None else report.number(times),
        limit + (" missed" if result.missed else ""),
    )


def _chosen(
    libraries: Sequence[str], workloads: Sequence[str], sizes: Mapping[str, int]
) -> list[Entry]:
    return [
        replace(entry, size=sizes.get(entry.workload, entry.size))
        for entry in ENTRIES
        if (not libraries or entry.library in libraries)
        and (not workloads or entry.workload in workloads)
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@chosen("--with", "libraries", LIBRARIES, "This one only. flowkit alone needs no network.")
@chosen("--workload", "workloads", LABELS, "This only.")
@sizes_option(SIZED, "As many tasks in each library, e.g. chain=200.")
@cache_option
@click.option("--check", is_flag=True, help="Exit with 1 if a median exceeds its limit.")
@shared_options
def main(
    repeat: int,
    cache: Path | None,
    json_output: bool,
    check: bool,
    write: Path | None,
    **choice: object,
) -> None:
    """Compare runs in one process with Dask and Prefect on the same DAG; takes a few minutes."""
    entries = _chosen(**choice)  # type: ignore[arg-type]
    if not entries:
        raise click.UsageError("no library that was chosen with --with knows this workload")
    around = report.surroundings(repeat, **venvs.versions(PINS[:2]))
    try:
        results = measure(entries, repeat, cache)
    except BrokenSystemError as error:
        raise click.ClickException(str(error)) from None
    rows = [_row(result, results) for result in results]
    table = report.markdown(HEAD, rows, NUMBERS, around)
    click.echo(as_json(results, around) if json_output else table)
    write_table(write, table, "in-process")
    missed = [
        f"{item.entry.name}: {LABELS[item.entry.workload]}" for item in results if item.missed
    ]
    end_if_missed(check, "Limits exceeded", missed)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.inprocess")
