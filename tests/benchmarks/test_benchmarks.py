"""The benchmark command runs, measures what it says, and holds medians to their floors.

Sizes are tiny here and no figure is judged: how fast it is on this machine is not a test's matter.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from real_redis import executables
from running import ROOT, run_module

from flowkit import Task

TINY = {"fan-out": 12, "chain": 4, "round-trip": 3, "runs": 5, "memory": 12, "idle": 1}
TINY |= {"map": 12, "map-memory": 12, "map-beside": 200}
TINY |= {"layered": 130, "cpu": 4, "sleeps": 3, "in-process": 12, "shards": 16, "turns": 2000}
OF_A_SYSTEM = {
    "fan-out",
    "chain",
    "layered",
    "round-trip-p50",
    "round-trip-p99",
    "runs",
    "turns",
    "turns-runs",
    "idle/server",
    "idle/scheduler",
    "idle/worker parent",
    "idle/worker child 1",
    "idle/worker orphan killer",
    "idle/worker log collector",
    "start-up",
    "map",
    "map-chain",
}
OF_MAPS = {"map-memory", "map-beside", "map-beside-alone"}


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The package, from the root of the source tree."""
    monkeypatch.syspath_prepend(str(ROOT))
    registered = list(Task._all_tasks)
    import benchmarks.report

    yield benchmarks
    Task._all_tasks[:] = registered


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return run_module("benchmarks", TINY, "--processes", "1", *options)


def measured(store: str, *options: str) -> dict[str, dict[str, Any]]:
    done = run("--store", store, "--repeat", "1", "--json", *options)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert {figure["store"] for figure in figures} == {store}
    return {figure["key"]: figure for figure in figures}


# -- measuring --------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_workload_is_measured_on_a_redis_server() -> None:
    figures = measured("redis", "--redis-server", next(iter(executables().values())))
    assert set(figures) == OF_A_SYSTEM | {"cpu", "sleeps", "memory", "memory-result"} | OF_MAPS
    assert 0 < figures["cpu"]["median"] <= 100
    assert 0 < figures["sleeps"]["median"] <= 100
    # At this size the server's own housekeeping can outweigh what the tasks take in memory.
    timed = [figure for name, figure in figures.items() if "memory" not in name]
    assert all(figure["median"] >= 0 for figure in timed)
    assert figures["fan-out"]["median"] > 0


@pytest.mark.slow
def test_the_embedded_server_is_measured_but_for_its_memory() -> None:
    assert set(measured("embedded")) == OF_A_SYSTEM


@pytest.mark.slow
def test_shards_are_measured_if_they_are_asked_for() -> None:
    figures = measured("redis", "--workload", "shards")
    roles = ("", "-server", "-scheduler", "-worker")
    assert set(figures) == {
        f"shards-{work}{role}/{count}"
        for work in ("runs", "fan-out")
        for role in roles
        for count in (1, 2, 4)
    }
    assert figures["shards-runs/4"]["median"] > 0


@pytest.mark.slow
def test_runs_in_this_process_need_no_store() -> None:
    assert set(measured("none")) == {"in-process"}


@pytest.mark.slow
def test_each_repetition_is_kept_and_the_table_goes_into_a_document(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    begin, end = "<!-- figures: begin -->", "<!-- figures: end -->"
    document.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    done = run("--store", "none", "--repeat", "2", "--write", str(document))
    assert done.returncode == 0, done.stderr
    table = done.stdout.strip()
    assert table.startswith("| store")
    assert "repeat 2" in table
    assert document.read_text() == f"before\n{begin}\n{table}\n{end}\nafter\n"


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size", "fan-out=0"], "write WORKLOAD=N"),
        (["--size", "marathon=3"], "write WORKLOAD=N"),
        (["--workload", "memory", "--store", "embedded"], "is for these stores only: redis"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], said: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.slow
def test_a_server_that_exits_immediately_is_reported_with_its_output(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho no memory to be had\nexit 3\n")
    broken.chmod(0o755)
    done = run("--store", "redis", "--workload", "chain", "--redis-server", str(broken))
    assert done.returncode == 1
    assert "the server ended with exit code 3" in done.stderr
    assert "no memory to be had" in done.stderr


@pytest.mark.slow
def test_a_document_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "notes.md"
    document.write_text("notes\n")
    done = run("--store", "none", "--repeat", "1", "--write", str(document))
    assert done.returncode == 1
    assert "has no place for the table" in done.stderr
    assert document.read_text() == "notes\n"


# -- floors -----------------------------------------------------------------------------------


def test_a_floor_is_held_against_the_median(benchmarks: ModuleType) -> None:
    metrics = benchmarks.metrics
    redis = metrics.Store.REDIS
    assert metrics.Figure(redis, "fan-out", (10.0, 19_999.0, 90_000.0)).missed
    assert not metrics.Figure(redis, "fan-out", (10.0, 20_000.0, 20_001.0)).missed
    assert metrics.Figure(redis, "chain", (0.1, 1.1, 1.2)).missed
    assert not metrics.Figure(redis, "chain", (0.1, 1.0, 9.0)).missed


def test_a_floor_is_of_one_store_and_some_figures_have_none(benchmarks: ModuleType) -> None:
    metrics = benchmarks.metrics
    store = metrics.Store
    assert metrics.Figure(store.EMBEDDED, "idle/worker child 1", (3.1,)).missed
    assert not metrics.Figure(store.REDIS, "idle/worker child 1", (99.0,)).missed
    assert not metrics.Figure(store.REDIS, "round-trip-p99", (99.0,)).missed


def test_the_check_is_an_exit_code(benchmarks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    command = __import__("benchmarks.__main__").__main__
    figure = benchmarks.metrics.Figure(benchmarks.metrics.Store.EMBEDDED, "chain", (7.0,))
    monkeypatch.setattr(command, "measure", lambda plan: iter([figure]))
    options = ["--store", "embedded"]
    assert CliRunner().invoke(command.main, options).exit_code == 0
    checked = CliRunner().invoke(command.main, [*options, "--check"])
    assert checked.exit_code == 1
    assert "Floors missed: embedded: chain, per hop" in checked.output
    assert "≤ 6.00 missed" in checked.output
