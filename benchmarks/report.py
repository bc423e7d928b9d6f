"""Figures for people and for programs: a Markdown table, JSON, and a table inside a document."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]

from .metrics import Figure

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ("store", "what", "median", "min–max", "unit", "floor")


def surroundings(repeat: int, processes: int) -> dict[str, object]:
    """Return what figures depend on, beside the code."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "percent_of_them_busy_before": psutil.cpu_percent(0.5),
        "worker_processes": processes,
        "repeat": repeat,
    }


def as_json(figures: Sequence[Figure], around: Mapping[str, object]) -> str:
    """Return everything, each single value included."""
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
    """Return a Markdown table that can be read as it is, with a line on the surroundings."""
    rows = [HEAD, *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    rule = [f"{'-' * (width - 1)}{':' if at in (2, 5) else '-'}" for at, width in enumerate(widths)]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in around.items())
    return "\n".join([*lines, "", f"{said[:1].upper()}{said[1:]}."])


def _row(figure: Figure) -> tuple[str, ...]:
    bound = "" if figure.floor is None else "≥ " if figure.metric.more_is_better else "≤ "
    floor = "" if figure.floor is None else bound + _number(figure.floor)
    return (
        figure.store.value,
        figure.label,
        _number(figure.median),
        f"{_number(min(figure.values))}–{_number(max(figure.values))}",
        figure.metric.unit,
        floor + (" missed" if figure.missed else ""),
    )


def _number(value: float) -> str:
    """Write three digits or, from 100 on, all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if at in (2, 5) else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "| " + " | ".join(cells) + " |"


def write_into(path: Path, table: str) -> None:
    """Replace what stands between the two marks of a document. Raises ValueError without marks."""
    text = path.read_text("utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{path} has no place for the table: put {BEGIN} and {END} where it belongs"
        )
    path.write_text(f"{head}{begin}\n{table}\n{end}{tail}", "utf-8")
