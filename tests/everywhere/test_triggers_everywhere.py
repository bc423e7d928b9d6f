"""Triggers: the documented truth table, row by row, and what continues after a failure."""

from __future__ import annotations

import re
from pathlib import Path

import everywhere_app as app
import pytest
from places import Place

from flowkit import DAG, Task
from flowkit.core.states import TaskState

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "conditions.md"
JOINS = [app.none_failed, app.all_succeeded, app.any_succeeded, app.all_over]
VALUE = {"ok": "ok", "skip": None, "bad": None}
# What the table calls the upstream tasks, and upstream tasks that are so.
ROWS = {
    "all succeeded": ["ok", "ok"],
    "some succeeded, some skipped": ["skip", "ok"],
    "all skipped": ["skip", "skip"],
    "some succeeded, some failed": ["bad", "ok"],
    "some succeeded, some skipped, some failed": ["ok", "skip", "bad"],
    "some skipped, some failed": ["bad", "skip"],
    "all failed": ["bad", "bad"],
}


def documented() -> dict[str, list[str]]:
    """Return the rows of the page's table: what upstream tasks came to → what joins become."""
    lines = re.findall(r"^\| ((?:all|some) .*?) \|$", PAGE.read_text(), re.MULTILINE)
    cells = [line.split(" | ") for line in lines]
    return {first: rest for first, *rest in cells}


def joined(ends: list[str]) -> DAG:
    dag = DAG("joined", on_failure="continue")
    with dag:
        for number, how in enumerate(ends):
            begin: Task = app.start.bind(f"start_{number}", how=how)
            arm = (app.slow_arm if number == 0 else app.arm).bind(f"arm_{number}")
            begin >> arm >> JOINS
    return dag


def test_the_table_has_all_rows_and_triggers() -> None:
    assert list(documented()) == list(ROWS)
    header = re.search(r"^\| upstream tasks \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert header is not None
    assert re.findall(r"`(\w+)`", header[1]) == [task.name for task in JOINS]


@pytest.mark.promise("task-22")
@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_table(place: Place, row: str) -> None:
    ends = ROWS[row]
    report = place.run(joined(ends), diary=True)
    values = [VALUE[how] for how in ends]
    wanted = dict(zip((task.name for task in JOINS), documented()[row], strict=True))
    assert report.diary == [values]  # all_over ran, once, with what there was
    if "bad" not in ends:
        assert report.results is not None
        ran = {name for name in wanted if name in report.results}
        assert ran == {name for name, what in wanted.items() if what == "runs"}
        assert all(report.results[name] == values for name in ran)
    else:
        assert report.error == ("ValueError", "this arm is bad")
    if place.on_redis:
        as_state = {"runs": TaskState.SUCCEEDED}
        for name, what in wanted.items():
            assert report.states[name] == as_state.get(what, what)


def test_clean_up_runs_after_a_failure_that_stops_the_run(place: Place) -> None:
    with DAG("stopped") as dag:
        app.start.bind("begin", how="bad") >> app.arm >> app.after >> app.all_over
    report = place.run(dag, diary=True)
    assert report.error == ("ValueError", "this arm is bad")
    assert report.diary == [[None]]
    if place.on_redis:
        assert report.states["after"] is TaskState.UPSTREAM_FAILED


def test_clean_up_is_retried_in_a_stopped_run(place: Place) -> None:
    with DAG("stopped") as dag:
        app.start.bind("begin", how="bad") >> app.arm >> app.stubborn_clean_up
    report = place.run(dag, diary=True)
    assert report.error == ("ValueError", "this arm is bad")
    assert report.diary == [1, 2, 3]


def test_tasks_downstream_of_clean_up_do_not_start_in_a_stopped_run(place: Place) -> None:
    with DAG("stopped") as dag:
        app.start.bind("begin", how="bad") >> app.arm >> app.all_over >> app.after
    report = place.run(dag, diary=True)
    assert report.diary == [[None]]
    if place.on_redis:
        assert report.states["after"] is TaskState.CANCELLED
