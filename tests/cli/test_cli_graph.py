"""``flowkit graph``: every kind of drawing, into a file or not, of a DAG and of a run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from console import Run, RunningSystem


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("text", "Upstream: first"),
        ("mermaid", "t0 --> t1"),
        ("dot", "t0 -> t1"),
        ("svg", "<title>first → second</title>"),
    ],
)
def test_each_format_goes_to_standard_output(flowkit: Run, form: str, said: str) -> None:
    done = flowkit("graph", "chain.py", "--format", form, PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.svg", "<svg "), ("a.dot", "digraph "), ("a.gv", "digraph "), ("a.mmd", "---\n")],
)
def test_the_file_name_determines_the_format(
    flowkit: Run, apps: Path, name: str, begins: str
) -> None:
    done = flowkit("graph", "chain.py", "-o", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"Drawn: {name}\n")
    assert (apps / name).read_text("utf-8").startswith(begins)


def test_an_explicit_format_overrides_the_file_name(flowkit: Run, apps: Path) -> None:
    flowkit("graph", "chain.py", "--format", "dot", "--output", "a.svg")
    assert (apps / "a.svg").read_text().startswith("digraph")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name either a DAG, or a run."),
        (["chain.py", "--run", "r1"], "Name either"),
        (["chain.py", "--redis", "redis://localhost"], "Use the Redis options only for runs"),
        (["chain.py", "-o", "a.png"], "'a.png': give --format, or a name that ends in .txt"),
        (["chain.py", "-o", "no/a.svg"], "'no/a.svg' cannot be written: No such file"),
        (["--run", "bad id"], "bad id"),
        (["--run", "chain.py"], "'chain.py' is a file. To draw its DAG: flowkit graph chain.py"),
        (["0123456789abcdef"], "If it is a run, say where its Redis is: --redis URL"),
        (["nightly-7"], "'nightly-7' is neither a module's name nor a Python file"),
    ],
)
def test_wrong_usage_is_reported(flowkit: Run, words: list[str], said: str) -> None:
    done = flowkit("graph", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_cycle_is_drawn_into_the_file_and_refused(flowkit: Run, apps: Path) -> None:
    done = flowkit("graph", "cycle.py", "-o", "cycle.svg")
    assert done.returncode == 2
    assert "a -> b -> a" in done.stderr
    assert 'class="back"' in (apps / "cycle.svg").read_text("utf-8")


@pytest.mark.slow
def test_a_run_is_drawn_with_its_states(flowkit: Run, apps: Path, running: RunningSystem) -> None:
    def talk(*words: str) -> tuple[int, str]:
        done = flowkit(*words, **running.variables, PYTHONIOENCODING="utf-8")
        return done.returncode, done.stdout

    code, _ = talk("submit", "failing.py", "--run-id", "drawn", "--wait")
    assert code == 1
    assert talk("graph", "--run", "drawn") == talk("graph", "drawn")
    code, text = talk("graph", "drawn")
    assert code == 0
    assert "\nbreaks\n  State: failed · " in text
    assert "\nbehind\n  State: upstream failed\n  Upstream: breaks\n" in text
    code, _ = talk("graph", "--run", "drawn", "-o", "run.svg")
    assert code == 0
    ElementTree.parse(apps / "run.svg")
    assert "ValueError: no" in (apps / "run.svg").read_text("utf-8")


@pytest.mark.parametrize("words", [("--run", "nobody"), ("nobody",)])
def test_a_run_that_does_not_exist(
    flowkit: Run, running: RunningSystem, words: tuple[str, ...]
) -> None:
    done = flowkit("graph", *words, **running.variables)
    assert done.returncode == 4
    assert "nobody" in done.stderr
