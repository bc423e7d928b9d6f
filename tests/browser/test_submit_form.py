"""The form of a run's parameters in a real browser, with keys alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from flowkit import DAG, Client, Task

pytestmark = pytest.mark.slow

MARKUP = "<img src=x onerror='window.pwned = 1'>"


@dataclass
class Point:
    x: int


def load(day: dt.date, text: str, size: int = 100, point: Point | None = None) -> int:
    """:param day: <b>The day</b> to load."""
    return size


def submitted(system: Client) -> str:
    flow = DAG("etl")
    flow.add(Task(load))
    params = {"day": dt.date(2026, 11, 28), "text": MARKUP, "point": Point(1)}
    return system.submit(flow, params=params).run_id


def test_a_run_is_submitted_again_with_keys_alone(page: Any, system: Client) -> None:
    run = submitted(system)
    root = page.url.partition("?")[0]
    page.goto(f"{root}runs/{run}")
    page.get_by_role("button", name="Run again…").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.get_by_text(run).first.is_visible()
    day = dialog.get_by_label("day date required")
    assert day.evaluate("field => field === document.activeElement")
    assert day.input_value() == "2026-11-28"
    assert dialog.get_by_label("text str required").input_value() == MARKUP
    assert dialog.get_by_label("use the default: 100").is_checked()
    point = dialog.get_by_label("point Point | None")
    assert (point.input_value(), point.get_attribute("placeholder")) == (
        "",
        "as in the earlier run",
    )

    page.keyboard.press("Control+A")
    page.keyboard.type("2026-11-29")
    dialog.get_by_label("size int").fill("8")
    assert not dialog.get_by_label("use the default: 100").is_checked()
    command = f"flowkit submit --again {run} -p day=2026-11-29 -p size=8"
    assert dialog.get_by_text(command, exact=True).is_visible()
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")
    page.wait_for_url(lambda url: "/runs/" in url and run not in url)
    new = page.url.rpartition("/")[2].partition("?")[0]
    page.get_by_text(new).first.wait_for()
    assert system.run(new).params() == {
        "day": dt.date(2026, 11, 29),
        "text": MARKUP,
        "size": 8,
        "point": Point(1),
    }
    assert page.evaluate("window.pwned") is None


def test_a_dag_is_submitted_from_its_page(page: Any, system: Client) -> None:
    submitted(system)
    root = page.url.partition("?")[0]
    page.goto(f"{root}dags/etl")
    page.get_by_role("button", name="Submit…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("use the default: None").check()
    dialog.get_by_role("button", name="Submit", exact=True).click()
    dialog.wait_for(state="detached")
    page.get_by_role("button", name="Run again…").wait_for()
    new = page.url.rpartition("/")[2].partition("?")[0]
    assert "point" not in system.run(new).params()


def test_an_error_is_shown_at_its_field(browser: Any, address: str, system: Client) -> None:
    """The browser writes to its console that the API has refused something."""
    run = submitted(system)
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("h1")
    page.goto(f"{page.url.partition('?')[0]}runs/{run}")
    page.get_by_role("button", name="Run again…").click()
    dialog = page.get_by_role("dialog")
    day = dialog.get_by_label("day date required")
    day.fill("tomorrow")
    day.press("Enter")
    dialog.get_by_text("must be date, not 'tomorrow'").wait_for()
    assert day.get_attribute("aria-invalid") == "true"
    assert day.evaluate("field => field === document.activeElement")
    assert dialog.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    context.close()
    assert len(system.runs()) == 1
