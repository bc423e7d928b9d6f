"""Figures for people and for programs: a Markdown table, JSON, and a table inside a document."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from .metrics import Figure

HEAD = ("store", "what", "median", "min–max", "unit", "floor")
NUMBERS = ("median", "floor")  # the columns that are aligned to the right


def surroundings(repeat: int, **more: object) -> dict[str, object]:
    """Return what figures depend on, besides the code. ``more``: further facts of the caller."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "percent_of_them_busy_before": psutil.cpu_percent(0.5),
        "load_before": f"{os.getloadavg()[0]:.1f}",
        **more,
        "repeat": repeat,
    }


def as_json(figures: Sequence[Figure], around: Mapping[str, object]) -> str:
    """Return everything, including each value."""
    listed = [
        {
            "store": figure.store.value,
            "key": figure.key,
            "unit": figure.metric.unit,
            "median": round(figure.median, 4),
            "values": [round(value, 4) for value in figure.values],
            "floor": figure.floor,
            "missed": figure.missed,
        }
        for figure in figures
    ]
    return json.dumps({"around": dict(around), "figures": listed}, indent=2)


def as_table(figures: Sequence[Figure], around: Mapping[str, object]) -> str:
    """Return an aligned Markdown table, with a line about the surroundings."""
    return markdown(HEAD, [_row(figure) for figure in figures], NUMBERS, around)


def markdown(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str],
    around: Mapping[str, object],
) -> str:
    """Return a table and the line below it. Columns in ``right`` are aligned to the right.

    Without surroundings there is no line.
    """
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    at_right = [name in right for name in head]
    lines = [_line(row, widths, at_right) for row in (head, *rows)]
    rule = [
        f"{'-' * (width - 1)}{':' if far else '-'}"
        for width, far in zip(widths, at_right, strict=True)
    ]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    if not around:
        return "\n".join(lines)
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in around.items())
    return "\n".join([*lines, "", f"{said[:1].upper()}{said[1:]}."])


def _row(figure: Figure) -> tuple[str, ...]:
    bound = "" if figure.floor is None else "≥ " if figure.metric.more_is_better else "≤ "
    floor = "" if figure.floor is None else bound + number(figure.floor)
    return (
        figure.store.value,
        figure.label,
        number(figure.median),
        spread(figure.values),
        figure.metric.unit,
        floor + (" missed" if figure.missed else ""),
    )


def number(value: float) -> str:
    """Return a number with three digits or, from 100 on, without decimals."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def spread(values: Sequence[float]) -> str:
    """Return the minimum and the maximum as text."""
    return f"{number(min(values))}–{number(max(values))}"


def _line(row: Sequence[str], widths: Sequence[int], at_right: Sequence[bool]) -> str:
    cells = [
        cell.rjust(width) if far else cell.ljust(width)
        for cell, width, far in zip(row, widths, at_right, strict=True)
    ]
    return "| " + " | ".join(cells) + " |"


def write_into(path: Path, table: str, place: str = "figures") -> None:
    """Replace the text between the two marks of a document that name this place.

    Raises ValueError if there are no marks.
    """
    text = path.read_text("utf-8")
    first, last = f"<!-- {place}: begin -->", f"<!-- {place}: end -->"
    head, begin, rest = text.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise ValueError(
            f"{path} has no place for the table: put {first} and {last} where it belongs"
        )
    path.write_text(f"{head}{begin}\n{table}\n{end}{tail}", "utf-8")
