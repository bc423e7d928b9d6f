"""The command that measures one process beside other libraries, here without them.

Sizes are tiny and no figure is judged. Dask and Prefect are stood in for by what costs nothing: the
tests need no network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from running import run_module

TINY = {"fan-out": 12, "fan-out-processes": 12, "map": 12, "chain": 4, "build": 12}
MARKS = "<!-- in-process: begin -->", "<!-- in-process: end -->"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return run_module("benchmarks.inprocess", TINY, *options)


# -- measuring --------------------------------------------------------------------------------


@pytest.mark.slow
def test_flowkit_alone_is_measured_without_a_network() -> None:
    done = run("--with", "flowkit", "--repeat", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = {load["workload"]: load for load in json.loads(done.stdout)["figures"]}
    assert {name: item["tasks"] for name, item in figures.items()} == {**TINY, "import": None}
    assert all(item["median"] > 0 for name, item in figures.items() if name != "import")
    assert {figure["unit"] for figure in figures.values()} == {"µs a task", "ms"}
    assert {name for name, item in figures.items() if item["limit"]} == {
        "fan-out",
        "map",
        "build",
        "import",
    }


@pytest.mark.slow
def test_the_table_goes_to_its_own_place_in_a_document(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    begin, end = MARKS
    other = "<!-- figures: begin -->\nkept\n<!-- figures: end -->"
    document.write_text(f"{other}\n{begin}\nold\n{end}\nafter\n")
    done = run(
        "--with", "flowkit", "--workload", "chain", "--repeat", "2", "--write", str(document)
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout.strip()
    assert "repeat 2" in table
    assert document.read_text() == f"{other}\n{begin}\n{table}\n{end}\nafter\n"


def test_the_rows_take_turns(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command, turns = part("inprocess"), []
    python = tmp_path / "python"
    monkeypatch.setattr(command.venvs, "install", lambda folder, pins: python)

    def value_of(entry: Any, pythons: dict[str, Path]) -> float:
        assert pythons == {"dask": python, "prefect": python}
        turns.append(entry.library)
        return float(len(turns))

    monkeypatch.setattr(command, "value_of", value_of)
    options = ["--workload", "build", "--repeat", "3", "--json"]
    shown = CliRunner().invoke(command.main, options)
    assert turns == ["flowkit", "dask"] * 3
    flowkit, dask = json.loads(shown.stdout)["figures"]
    assert flowkit["values"] == [1, 3, 5]
    assert (dask["values"], dask["times_flowkit"]) == ([2, 4, 6], 4 / 3)
    assert flowkit["times_flowkit"] is None


@pytest.mark.slow
def test_a_wrong_answer_is_no_figure(part: Callable[[str], Any], tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text("import noops\nnoops.measure({'a b': lambda size: lambda: 5})\n")
    done = subprocess.run(
        [sys.executable, str(program), "a", "b", "6"],
        env={"PYTHONPATH": str(part("contest").PROGRAMS)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the answer is 5, but 6 is right" in done.stderr


# -- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "code"), [(20.0, 0), (20.5, 1)])
def test_the_check_is_an_exit_code(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, value: float, code: int
) -> None:
    command = part("inprocess")
    monkeypatch.setattr(command, "value_of", lambda entry, pythons: value)
    options = ["--with", "flowkit", "--workload", "build", "--check"]
    checked = CliRunner().invoke(command.main, options)
    assert checked.exit_code == code
    assert ("Limits exceeded: flowkit: building the fan-out" in checked.output) is bool(code)


# -- what is refused --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size", "import=3"], "write WORKLOAD=N"),
        (["--with", "prefect", "--workload", "build"], "no library that was chosen"),
    ],
)
def test_a_wrong_option_is_named(options: list[str], said: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.slow
def test_without_a_network_the_error_says_what_to_do(
    part: Callable[[str], Any], no_network: None, tmp_path: Path
) -> None:
    options = ["--with", "dask", "--workload", "chain", "--cache", str(tmp_path)]
    refused = CliRunner().invoke(part("inprocess").main, options)
    assert refused.exit_code == 1
    assert "could not be installed" in refused.output
    assert "--with flowkit" in refused.output
    assert list(tmp_path.glob("*/complete")) == []


def test_a_complete_environment_is_reused(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venvs, commands = part("venvs"), []
    pins = ("dask==1",)
    made = lambda command, pins, folder: folder.mkdir(exist_ok=True)  # noqa: E731
    monkeypatch.setattr(venvs, "_succeed", made)
    python = venvs.install(tmp_path, pins)
    monkeypatch.setattr(venvs, "_succeed", lambda command, *rest: commands.append(command))
    assert venvs.install(tmp_path, pins) == python
    assert commands == []
