"""The sizing command measures what it says; no figure is judged."""

from __future__ import annotations

import json
from functools import partial

import pytest
from running import run_module

run = partial(run_module, "benchmarks.sizing", {})


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_it_measures_costs_payloads_and_run_sizes() -> None:
    done = run("--repeat", "1", "--share", "0.001", "--json")
    assert done.returncode == 0, done.stderr
    costs, payloads, sizes = (load["rows"] for load in json.loads(done.stdout)["tables"])
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


@pytest.mark.slow
def test_a_wrong_option_is_refused() -> None:
    done = run("--share", "2")
    assert done.returncode == 2
    assert "2.0 is not in the range" in done.stderr
