"""Measure the Python standard library in parallel, and write a report as a web page.

Shows a task that is mapped over the parts that another one made, run parameters, a task with
retries that is safe to repeat, and results that are plain data.

    list_files ─▶ split ─▶ parse[] ─▶ merge ─▶ rank ─▶ write_report
        └────────────────────────────────────────▲

Run it with a scheduler and worker processes, or inside this process:

    flowkit run examples/stdlib_report.py
    python examples/stdlib_report.py

Both write stdlib-report/report.json and stdlib-report/report.html; open the page in any browser.
Run parameters:

    out    the folder to write to (default: stdlib-report in the current directory)
    root   a tree of Python source to measure instead of the standard library
    top    the number of rows in each table (default: 15)

Installed packages (site-packages, dist-packages) are left out. Python ships a few files that are
broken on purpose. They are counted and listed as unparsable. The report contains no times and no
paths of the run, so for a given Python, every executor writes exactly the same JSON.

If workers run on several machines, each must have the same tree under the same path.
"""

from __future__ import annotations

import heapq
import json
import os
import platform
import secrets
import sysconfig
from pathlib import Path
from typing import Any, TypedDict

from stdlib_report_page import render
from stdlib_report_source import BANDS, Tally, combine, tally_file

from flowkit import DAG, task

PART_BYTES = 700_000
"""The size of a part. With few large parts, workers would be idle at the end; with many small
parts, most of the time would be overhead."""

TOP = 15
LEFT_OUT = ("dist-packages", "site-packages", "__pycache__")


class Listing(TypedDict):
    """The files to measure: (path below root, bytes), sorted by path."""

    source: str
    root: str
    files: list[tuple[str, int]]


class Part(TypedDict):
    """Some of the files: their paths below root."""

    root: str
    paths: list[str]


@task()
def list_files(root: str = "") -> Listing:
    """Find the source files below `root`, or those of the running Python's standard library."""
    top = Path(root or sysconfig.get_path("stdlib")).resolve()
    if not top.is_dir():
        raise NotADirectoryError(
            f"root: {root!r} is no folder. Give a folder of Python source, or leave root out."
        )
    files = []
    for folder, inner, names in os.walk(top):
        inner[:] = [name for name in inner if name not in LEFT_OUT]
        paths = [Path(folder, name) for name in names if name.endswith(".py")]
        # A dangling link, such as an editor's lock, is no file.
        files += [entry(path, top) for path in paths if path.is_file()]
    if not files:
        raise FileNotFoundError(f"root: no .py file below {str(top)!r}. Give another folder.")
    source = top.name if root else f"Python {platform.python_version()} standard library"
    return {"source": source, "root": str(top), "files": sorted(files)}


def entry(path: Path, top: Path) -> tuple[str, int]:
    """Return the entry of a file. Its name appears in a report, so it must be valid text."""
    name = path.relative_to(top).as_posix()
    if not name.isprintable():
        raise ValueError(f"root: the file name {name!r} cannot be printed. Rename the file.")
    return name, path.stat().st_size


@task()
def split(listing: Listing, top: int = TOP) -> list[Part]:
    """Divide the files into parts of about the same size, of at most about PART_BYTES bytes."""
    if not isinstance(top, int) or top < 1:
        raise ValueError(
            f"top: {top!r} is not a number of table rows. Give a whole number of 1 or more."
        )
    parts = 1 + sum(size for _, size in listing["files"]) // PART_BYTES
    dealt = balance(listing["files"], parts)
    return [{"root": listing["root"], "paths": paths} for paths in dealt]


def balance(files: list[tuple[str, int]], parts: int) -> list[list[str]]:
    """Assign each file, largest first, to the part that is smallest so far."""
    dealt: list[list[str]] = [[] for _ in range(parts)]
    loads = [(0, index) for index in range(parts)]
    for path, size in sorted(files, key=lambda file: (-file[1], file[0])):
        load, index = loads[0]
        dealt[index].append(path)
        heapq.heapreplace(loads, (load + size, index))
    return [sorted(part) for part in dealt]


@task()
def parse(part: Part, top: int = TOP) -> Tally:
    """Measure the files of one part."""
    root = Path(part["root"])
    return combine((tally_file(path, (root / path).read_bytes()) for path in part["paths"]), top)


def first_file(part: Part) -> str:
    """Return what people see beside the number of a part."""
    return f"{part['paths'][0]} …" if part["paths"] else "no file"


@task()
def merge(parts: list[Tally], top: int = TOP) -> Tally:
    """Add up the parts. Each has kept as many rows as the report shows, so none is missing."""
    return combine(parts, top)


@task()
def rank(tally: Tally, listing: Listing, top: int = TOP) -> dict[str, Any]:
    """Sort the figures. The result is the report, as written to the JSON file."""
    totals = {name: tally["totals"].get(name, 0) for name in FIGURES}
    if totals["files"] != len(listing["files"]):
        raise RuntimeError(f"{totals['files']} of {len(listing['files'])} files were measured")
    imports = sorted(tally["imports"].items(), key=lambda item: (-item[1], item[0]))
    labels = [f"{low + 1}–{high}" for low, high in zip((0, *BANDS), BANDS, strict=False)]
    return {
        "source": listing["source"],
        "left_out": [*LEFT_OUT],
        "top": top,
        "totals": totals | {"modules_imported": len(imports)},
        "mean_complexity": mean(totals),
        "complexity_bands": [
            {"complexity": label, "functions": count}
            for label, count in zip([*labels, f"{BANDS[-1] + 1}+"], tally["bands"], strict=True)
        ],
        **tally["tables"],
        "most_imported": [{"module": name, "files": n} for name, n in imports[:top]],
        "packages": packages(tally),
        "unparsable": tally["unparsable"],
    }


FIGURES = (
    *("files", "unparsable", "bytes", "lines", "code", "docstring", "comment", "blank"),
    *("functions", "classes", "complexity"),
)


def packages(tally: Tally) -> list[dict[str, Any]]:
    """Return the totals of every package, longest first."""
    result: list[dict[str, Any]] = [
        {"package": name, **{figure: totals.get(figure, 0) for figure in FIGURES}}
        for name, totals in tally["packages"].items()
    ]
    result.sort(key=lambda row: (-row["lines"], row["package"]))
    return [row | {"mean_complexity": mean(row)} for row in result]


def mean(totals: dict[str, Any]) -> float:
    """Return the mean complexity of the functions to two digits, or 0.0 if there are none."""
    return round(totals["complexity"] / totals["functions"], 2) if totals["functions"] else 0.0


@task(retries=2, delay=0.5, retry_on=OSError)
def write_report(report: dict[str, Any], out: str = "stdlib-report") -> dict[str, Any]:
    """Write the JSON and the page. Return their paths and the main figures.

    Each file appears whole or not at all, under a name that does not depend on the attempt: a
    second attempt, even one that overlaps the first, leaves the same two files.
    """
    folder = Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "report.json", text)
    write_whole(folder / "report.html", render(report))
    print(f"The page: {folder / 'report.html'}")
    figures = ("files", "unparsable", "lines", "functions", "classes")
    return {
        "json": str(folder / "report.json"),
        "html": str(folder / "report.html"),
        "source": report["source"],
        **{name: report["totals"][name] for name in figures},
        "mean_complexity": report["mean_complexity"],
        "most_complex": next((row["name"] for row in report["most_complex"]), None),
    }


def write_whole(path: Path, text: str) -> None:
    """Write to a file beside `path`, then rename it, so that no reader sees half a file."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


with DAG("stdlib_report") as dag:
    list_files >> split >> parse.map(label=first_file) >> merge >> rank >> write_report
    list_files >> rank


if __name__ == "__main__":
    summary = dag.run(executor="thread")["write_report"]
    print(f"{summary['source']}: {summary['files']:,} files, {summary['lines']:,} lines")
    print(f"{summary['functions']:,} functions, mean complexity {summary['mean_complexity']}")
    print(f"{summary['classes']:,} classes; {summary['unparsable']} files are no valid Python")
    print(f"Page: {summary['html']}")
