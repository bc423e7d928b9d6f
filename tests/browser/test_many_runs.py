"""Acting on all runs that match, in a real browser, with the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from ended_runs import dag, finish

from flowkit import Client

pytestmark = pytest.mark.slow


def submit(system: Client, name: str, state: str = "") -> str:
    run = system.submit(dag(name)).run_id
    return finish(system, run, state) if state else run


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_runs_that_match_are_cancelled(page: Any, system: Client, address: str) -> None:
    runs, other = [submit(system, "etl") for _ in range(3)], submit(system, "report")
    page.goto(page.url + "?dag=etl")
    page.locator("tbody tr").nth(2).wait_for()
    page.get_by_role("button", name="Cancel …").focus()
    press(page, "Enter")
    page.get_by_role("heading", name="Cancel 3 runs?").wait_for()
    dialog = page.get_by_role("dialog")
    assert "3 running." in dialog.inner_text()
    assert "flowkit cancel --dag etl" in dialog.inner_text()
    late = submit(system, "etl")
    press(page, "Escape")
    dialog.wait_for(state="detached")
    assert not system.run(runs[0]).record().stopping
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("heading", name="Cancel 4 runs?").wait_for()
    last = submit(system, "etl")
    press(page, "Tab", "Enter")
    page.get_by_role("heading", name="4 runs are being cancelled.").wait_for()
    press(page, "Enter")
    dialog.wait_for(state="detached")
    stopping = {run.run for run in system.runs(10) if run.stopping}
    assert stopping == {*runs, late}, (last, other)


def test_deleting_asks_for_a_word(page: Any, system: Client, address: str) -> None:
    failed, running = submit(system, "etl", "failed"), submit(system, "etl")
    page.goto(page.url + "?state=failed")
    page.get_by_role("button", name="Delete …").click()
    button = page.get_by_role("button", name="Delete 1 run")
    button.wait_for()
    assert button.is_disabled()
    assert page.get_by_role("button", name="Cancel …").count() == 0
    field = page.get_by_label("To confirm, type delete")
    field.fill("yes")
    assert button.is_disabled()
    field.fill("delete")
    press(page, "Enter")
    page.get_by_role("heading", name="Deleted 1 run.").wait_for()
    page.get_by_role("button", name="Close").click()
    page.get_by_text("No run matches.").wait_for()
    assert [record.run for record in system.runs()] == [running], failed


def test_what_is_refused_is_told(page: Any, system: Client, address: str) -> None:
    parent, child = submit(system, "outer"), submit(system, "<b>inner</b>", "failed")
    with system.run(child).shard.store() as store:
        store.link.call("HSET", store.keys.run(child), "parent", f"{parent},0,1,0")
    page.goto(page.url + "?children=true")
    page.get_by_role("button", name="Resume …").click()
    page.get_by_text("DAG: <b>inner</b> (1).").wait_for()
    page.get_by_role("button", name="Resume 1 run").click()
    page.get_by_text("1 run could not be changed:").wait_for()
    assert f"was called by a task of run '{parent}'" in page.get_by_role("dialog").inner_text()


@pytest.mark.parametrize("address", [["--read-only"]], indirect=True)
def test_a_page_that_only_looks_has_no_buttons(page: Any, system: Client, address: str) -> None:
    submit(system, "etl")
    page.locator("tbody tr").wait_for()
    page.locator("button", has_text="running").get_by_text("1").wait_for()  # all answers are there
    assert page.get_by_text("All that match:").count() == 0
