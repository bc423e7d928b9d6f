"""The README stays short, and its figures are those that docs/performance.md has measured."""

from __future__ import annotations

import re

import pytest
from pages import README, ROOT, table

LINES = 180
PERFORMANCE = ROOT / "docs" / "performance.md"
# Workload → what the table of docs/performance.md calls it.
MEASURED = {
    "fan-out": "fan-out and fan-in",
    "chain": "chain, per hop",
    "round-trip": "run of one task, submit to end known, p50",
}


def figures() -> dict[str, list[float]]:
    """Return the figures of each workload: on Redis, and on the embedded store."""
    return {
        row[-1].strip("`").removeprefix("--workload "): [number(cell) for cell in row[1:-1]]
        for row in table(README, "What")
    }


def number(cell: str) -> float:
    return float(cell.split()[0].replace(",", ""))


def median(store: str, what: str) -> float:
    rows = re.findall(
        rf"^\| {store} +\| {re.escape(what)} +\| +(\S+) ", PERFORMANCE.read_text(), re.M
    )
    assert len(rows) == 1, (store, what)
    return number(rows[0])


def peer_speeds(heading: str) -> dict[str, float | None]:
    """Return a column of the table that compares libraries; None for what cannot be measured."""
    lines = PERFORMANCE.read_text().splitlines()
    start = next(at for at, line in enumerate(lines) if re.match(r"\| with +\| start", line))
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in lines[start : lines.index("", start)]
    )
    at = head.index(heading)
    return {row[0]: None if row[at] == "–" else number(row[at]) for row in rows}


def test_it_is_short() -> None:
    assert len(README.read_text().splitlines()) <= LINES


def test_every_figure_is_measured_by_a_command() -> None:
    known = (ROOT / "benchmarks" / "workloads.py").read_text()
    assert set(figures()) == set(MEASURED)
    assert [name for name in MEASURED if f'"{name}"' not in known] == []


def test_every_figure_is_the_measured_median_rounded_to_two_digits() -> None:
    for workload, shown in figures().items():
        what = MEASURED[workload]
        measured = [median(store, what) for store in ("redis", "embedded")]
        assert shown == pytest.approx(measured, rel=0.05), workload


def test_the_figure_of_one_process_is_the_measured_one() -> None:
    shown = re.search(r"`dag.run\(\)` reaches ([\d,]+) tasks/s", README.read_text())
    assert shown is not None
    value = median("none", 'fan-out, dag.run(executor="thread")')
    assert number(shown[1]) == round(value, -3)


def test_the_figures_beside_the_peers_are_the_measured_ones() -> None:
    pattern = r"flowkit reaches ([\d,]+) tasks/s and none of the others more than ([\d,]+)"
    shown = re.search(pattern, README.read_text())
    assert shown is not None
    speeds = peer_speeds("large fan-out, tasks/s ↑")
    ours = speeds.pop("**flowkit**")
    del speeds["by hand"]
    assert len(speeds) == 11
    assert number(shown[1]) == pytest.approx(ours, rel=0.05)
    best = max(speed for speed in speeds.values() if speed is not None)
    assert best <= number(shown[2]) <= 1.05 * best


def test_each_command_that_ci_runs_has_its_own_line() -> None:
    lines = README.read_text().splitlines()
    commands = [line for line in lines if line.startswith("python3 -m venv ")]
    ends = ["flowkit run examples/stdlib_report.py", "pytest"]
    assert [line.endswith(end) for line, end in zip(commands, ends, strict=True)] == [True, True]
