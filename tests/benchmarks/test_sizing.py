"""The sizing command measures what it says; no figure is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.sizing", *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "FLOWKIT" not in name},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.mark.timeout(150)
def test_it_measures_costs_payloads_and_run_sizes() -> None:
    done = run("--repeat", "1", "--share", "0.001", "--json")
    assert done.returncode == 0, done.stderr
    costs, payloads, sizes = (one["rows"] for one in json.loads(done.stdout)["tables"])
    assert [row["what"] for row in costs] == [
        "tasks of a wide run",
        "hops of a chain",
        "runs of one task",
    ]
    assert all(float(row["per second"].replace(",", "")) > 0 for row in costs)
    assert [row["bytes of a result"] for row in payloads][-1] == "1,000,000"
    million = payloads[-1]["Redis bytes a task, afterwards"].replace(",", "")
    assert float(million) > 1_000_000
    assert [row["tasks of the run"] for row in sizes] == ["1", "1", "1", "10", "100"]


def test_a_wrong_option_is_refused() -> None:
    done = run("--share", "2")
    assert done.returncode == 2
    assert "2.0 is not in the range" in done.stderr
