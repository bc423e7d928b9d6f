"""Run parameters on the command line: converted, refused, listed; and factories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from console import Run

WIPE = """
from datetime import date
from flowkit import DAG, task

@task
def wipe(dry_run: bool = True, version: str = "1.0", day: date = date(2026, 1, 1)) -> str:
    '''Delete old files.

    :param day: The last day \\x1b[2J to keep.
    '''
    return f"{dry_run!r} {version!r} {day!r}"

with DAG("wipe") as dag:
    dag.add(wipe)
"""
PIPELINE = """
from __future__ import annotations
from datetime import date
from typing import Annotated
from flowkit import DAG, task

@task
def extract(day: date, limit: Annotated[int, "How many rows."] = 2) -> list[str]:
    return [f"{day} {number}" for number in range(limit)]

@task
def load(rows: list[str]) -> int:
    return len(rows)

def build(day: date) -> DAG:
    print("building")
    with DAG("built") as dag:
        extract.bind("extract", day=day) >> load
    return dag

def forgetful(day: date) -> DAG:
    return DAG("forgetful", tasks=[extract])

def plain(name: str = "plain") -> DAG:
    return DAG(name, tasks=[extract])
"""


@pytest.fixture(autouse=True)
def own_apps(apps: Path) -> None:
    (apps / "wipe.py").write_text(WIPE)
    (apps / "pipeline.py").write_text(PIPELINE)


def test_values_arrive_as_annotated(flowkit: Run) -> None:
    """``dry_run=False`` arrived as text, which is true, and the version as 1.1."""
    words = ("-p", "dry_run=False", "-p", "version=1.10", "-p", "day=2026-11-28")
    done = flowkit("run", "wipe.py", "--quiet", "--json", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"] == {
        "wipe": "False '1.10' datetime.date(2026, 11, 28)"
    }


def test_a_document_of_parameters_is_read_from_a_file(flowkit: Run, apps: Path) -> None:
    (apps / "params.json").write_text('{"dry_run": false, "day": "2026-11-28"}')
    words = ("--params-file", "params.json", "-p", "day=2026-11-29")
    done = flowkit("run", "wipe.py", "--quiet", "--json", *words)
    assert json.loads(done.stdout)["results"] == {"wipe": "False '1.0' datetime.date(2026, 11, 29)"}


def test_what_does_not_fit_is_a_usage_error_before_anything_runs(flowkit: Run) -> None:
    done = flowkit("run", "wipe.py", "-p", "dry_run=maybe")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: DAG 'wipe': parameter 'dry_run' of task 'wipe' must be bool, not 'maybe'. "
        "For example: -p dry_run=true\n"
    )


def test_parameters_are_listed(flowkit: Run) -> None:
    done = flowkit("params", "wipe.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "NAME     TYPE  DEFAULT                    TAKEN BY  DESCRIPTION",
        "dry_run  bool  True                       wipe",
        "version  str   '1.0'                      wipe",
        "day      date  datetime.date(2026, 1, 1)  wipe      The last day \\x1b[2J to keep.",
    ]


def test_parameters_as_json(flowkit: Run) -> None:
    documents = json.loads(flowkit("params", "wipe.py", "--json").stdout)
    assert documents["factory"] == []
    assert documents["run"][0] == {
        "name": "dry_run",
        "type": "bool",
        "required": False,
        "default": "True",
        "tasks": ["wipe"],
        "description": "",
    }


def test_a_dag_without_parameters_says_so(flowkit: Run) -> None:
    done = flowkit("params", "several.py:one")
    assert done.stdout == "The tasks of this DAG take no run parameters.\n"


def test_help_with_a_file_lists_its_parameters(flowkit: Run) -> None:
    for words in (("run", "--help", "wipe.py"), ("submit", "wipe.py", "-h", "-p", "x=1")):
        done = flowkit(*words)
        assert done.returncode == 0, done.stderr
        shown = done.stdout.partition("Parameters of wipe.py:\n")[2]
        assert "dry_run: bool  [default: True]" in shown
        assert "The last day \\x1b[2J to keep." in shown


def test_help_without_a_file_or_with_a_broken_one_still_helps(flowkit: Run) -> None:
    assert "Parameters of" not in flowkit("run", "--help").stdout
    done = flowkit("run", "--help", "broken.py")
    assert done.returncode == 0
    assert "--workers" in done.stdout
    assert "They cannot be shown: " in done.stdout
    done = flowkit("run", "--help", "wipe.py", "-p", "novalue")
    assert "They cannot be shown: -p 'novalue': write KEY=VALUE" in done.stdout


# -- factories -----------------------------------------------------------------------------------


def test_a_factory_is_called_and_the_rest_are_run_parameters(flowkit: Run) -> None:
    words = ("-p", "limit=3", "-p", "day=2026-11-28")
    done = flowkit("run", "pipeline.py:build", "--json", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)  # what the factory printed is on standard error
    assert document["dag"] == "built"
    assert document["results"]["extract"] == [f"2026-11-28 {number}" for number in range(3)]
    assert "building" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pipeline.py",), "has no DAG at the top level of its module, only functions that may"),
        (("pipeline.py:build",), "lacks its parameter 'day'. For example: -p day=2026-11-28"),
        (
            ("pipeline.py:build", "-p", "day=tomorrow"),
            "parameter 'day' must be date, not 'tomorrow': invalid RFC3339 encoded date. "
            "For example: -p day=2026-11-28",
        ),
        (
            ("pipeline.py:build", "-p", "day=2026-11-28", "-p", "limt=3"),
            "has no parameter 'limt', and neither has its DAG 'built'. Did you mean 'limit'?",
        ),
        (
            ("pipeline.py:forgetful", "-p", "day=2026-11-28"),
            "takes 'day', so its DAG 'forgetful' does not get it, and task 'extract' needs it: "
            "pass it on with .bind(day=day).",
        ),
        (("pipeline.py:biuld",), "unknown DAG 'biuld'. Did you mean 'build'?"),
    ],
)
def test_what_a_factory_cannot_be_called_with_is_a_usage_error(
    flowkit: Run, words: tuple[str, ...], said: str
) -> None:
    done = flowkit("run", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_parameters_of_a_factory_come_first(flowkit: Run) -> None:
    done = flowkit("params", "pipeline.py:build")
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:]] == [
        ["day", "date", "required", "the"]
    ]
    assert "give those of the factory: -p day=2026-11-28" in done.stderr
    done = flowkit("params", "pipeline.py:build", "-p", "day=2026-11-28")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["day", "limit"]


def test_a_factory_can_be_drawn_and_needs_no_values_if_it_has_defaults(flowkit: Run) -> None:
    done = flowkit("graph", "pipeline.py:build", "-p", "day=2026-11-28")
    assert done.stdout.startswith("DAG: built\n")
    assert flowkit("graph", "pipeline.py:plain").stdout.startswith("DAG: plain\n")
