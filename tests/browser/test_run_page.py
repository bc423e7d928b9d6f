"""The page of one run in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from real_redis import RealRedis
from whole_run import WholeRun

from flowkit import DAG, Client, task

pytestmark = pytest.mark.slow
MARKUP = "<img src=x onerror='window.pwned = 1'>"


@task
def files(n: int) -> list[int]:
    return list(range(n))


@task
def parse(number: int) -> int:
    if number == 2:
        raise ValueError(MARKUP)
    return number


@task
def tidy() -> None:
    return None


@pytest.fixture
def whole(redis_server: RealRedis, namespace: str) -> Iterator[Callable[[DAG], WholeRun]]:
    made: list[WholeRun] = []

    def make(dag: DAG) -> WholeRun:
        made.append(WholeRun(redis_server.url, namespace, dag, params={"day": MARKUP}))
        return made[-1]

    yield make
    for run in made:
        run.link.close()


@pytest.fixture
def run(whole: Callable[[DAG], WholeRun]) -> WholeRun:
    with DAG("etl") as dag:
        files.bind("files", n=300) >> parse.map()
        dag.add(tidy.bind(MARKUP))
    return whole(dag)


def open_run(page: Any, address: str, rest: str = "") -> None:
    page.goto(address.partition("?")[0] + "runs/r1" + rest)
    page.get_by_role("tab").first.wait_for()


def test_tasks_change_while_the_page_is_open(page: Any, address: str, run: WholeRun) -> None:
    open_run(page, address)
    rows = page.locator("[data-row]")
    rows.nth(2).wait_for()
    assert page.locator("[data-row]", has_text="files").get_attribute("data-state") == "queued"
    run.finish()
    page.locator("h1").get_by_text("failed").wait_for()
    page.locator("[data-row][data-state=succeeded]", has_text="files").wait_for()
    assert page.get_by_text(re.compile("It began with task 'parse.2.'")).is_visible()
    page.get_by_label("Items of parse").click()
    page.locator("[data-row]", has_text="parse[2]").get_by_text("ValueError").wait_for()
    assert rows.count() < 100
    page.locator(".scroll").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    page.get_by_text("parse[299]", exact=True).wait_for()
    assert page.evaluate("window.pwned") is None


def test_filters_are_in_the_address(page: Any, address: str, run: WholeRun) -> None:
    run.finish()
    open_run(page, address)
    page.locator("[data-row]").nth(2).wait_for()
    page.get_by_label("State").select_option("failed")
    page.locator("[data-row]", has_text="files").wait_for(state="detached")
    page.get_by_role("searchbox").fill("par")
    page.wait_for_url(re.compile(r"\?state=failed&q=par$"))
    page.reload()
    page.locator("[data-row]", has_text="parse[2]").wait_for()
    assert page.locator("[data-row]").count() == 2  # the mapped task, and its item that failed


@pytest.mark.parametrize("tab", ["Timeline", "Graph"])
def test_drawings(page: Any, address: str, run: WholeRun, tab: str) -> None:
    run.finish()
    open_run(page, address)
    page.get_by_role("tab", name=tab).click()
    page.locator("canvas").wait_for()
    drawn = """() => {
        const canvas = document.querySelector("canvas");
        if (!canvas?.width) return false;
        const blank = document.createElement("canvas");
        Object.assign(blank, { width: canvas.width, height: canvas.height });
        return canvas.toDataURL() !== blank.toDataURL();
    }"""
    page.wait_for_function(drawn)
    for key in ("+", "ArrowLeft", "ArrowDown", "-", "0"):
        page.locator("canvas").press(key)
    page.reload()
    page.wait_for_function(drawn)
    assert page.get_by_role("tab", name=tab).get_attribute("aria-selected") == "true"
    assert page.evaluate("window.pwned") is None


def test_the_list_beside_the_graph_has_every_box(page: Any, address: str, run: WholeRun) -> None:
    open_run(page, address, "?tab=graph")
    page.get_by_text("The same as a list").click()
    page.locator("details li").nth(2).wait_for()
    assert page.locator("details li").count() == 3


def test_a_run_is_cancelled_after_a_question(
    page: Any, address: str, run: WholeRun, system: Client
) -> None:
    open_run(page, address)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Leave it").click()
    assert not system.run("r1").record().stopping
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the run").click()
    page.locator("h1").get_by_text("stopping").wait_for()
    run.finish()
    page.locator("h1").get_by_text("cancelled").wait_for()


def test_ten_thousand_tasks_are_few_elements(
    page: Any, address: str, whole: Callable[[DAG], WholeRun]
) -> None:
    dag = DAG("wide")
    for number in range(10_000):
        dag.add(tidy.bind(f"task_{number}"))
    whole(dag)
    open_run(page, address)
    page.get_by_text("10,000 tasks").first.wait_for()
    page.locator("[data-row]").nth(5).wait_for()
    assert page.locator("[data-row]").count() < 100
    page.locator(".scroll").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    page.get_by_text("task_9999", exact=True).wait_for()
