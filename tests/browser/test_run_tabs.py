"""The tabs of a run: filters find items, tasks are chosen, boxes are opened with keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from real_redis import RealRedis
from whole_run import WholeRun

from flowkit import DAG, current_attempt, task

pytestmark = pytest.mark.slow


@task
def files(n: int) -> list[int]:
    return list(range(n))


@task(retries=1, delay=0)
def parse(number: int) -> int:
    if number == 250 or (number == 7 and current_attempt().attempt == 1):
        raise ValueError("bad header")
    return number


@task
def tidy() -> None:
    return None


@pytest.fixture
def run(redis_server: RealRedis, namespace: str) -> Iterator[WholeRun]:
    with DAG("etl", on_failure="continue") as dag:
        files.bind("files", n=300) >> parse.map()
        for name in ("..", "a/b?c", "%2e"):
            dag.add(tidy.bind(name))
    whole = WholeRun(redis_server.url, namespace, dag)
    while whole.turn() or whole.state == "running":
        whole.resolver._store.promote(10)
    yield whole
    whole.close()


@pytest.fixture
def tabs(page: Any, address: str, run: WholeRun) -> Any:
    """The page of the run, at its tasks."""
    page.goto(address.partition("?")[0] + "runs/r1")
    page.locator("[data-row]").nth(2).wait_for()
    return page


def test_the_next_failure_is_an_item(tabs: Any) -> None:
    tabs.keyboard.press("f")
    row = tabs.locator("[data-row]:focus", has_text="parse[250]")
    row.get_by_text("ValueError: bad header").wait_for()
    tabs.keyboard.press("f")
    tabs.get_by_text("No further failure.").wait_for()
    tabs.keyboard.press("Enter")
    tabs.get_by_role("heading", name="parse[250]").wait_for()


def test_filters_find_items(tabs: Any) -> None:
    tabs.get_by_label("Retried").check()
    tabs.locator("[data-row]", has_text="parse[7]").wait_for()
    tabs.locator("[data-row]", has_text="parse[250]").wait_for()
    assert tabs.locator("[data-row]").count() == 3
    tabs.get_by_label("Items of parse").click()
    tabs.locator("[data-row]", has_text="parse[7]").wait_for(state="detached")


def test_chosen_tasks_are_retried(tabs: Any, run: WholeRun) -> None:
    tabs.keyboard.press("f")
    tabs.locator("[data-row]:focus", has_text="parse[250]").wait_for()
    tabs.keyboard.press("x")
    tabs.get_by_text("1 task chosen").wait_for()
    tabs.get_by_role("button", name="Retry chosen").press("Enter")
    dialog = tabs.get_by_role("dialog")
    dialog.get_by_text("flowkit retry r1 'parse[250]'").wait_for()
    dialog.get_by_role("button", name="Retry", exact=True).press("Enter")
    tabs.locator("h1").get_by_text("running").wait_for()
    run.schedule()
    assert run.record("parse[250]").state.value == "queued"
    assert tabs.get_by_role("button", name="Choose none").count() == 0


def test_a_run_is_resumed_from_chosen_tasks(tabs: Any, run: WholeRun) -> None:
    tabs.get_by_label("Choose files", exact=True).click()
    tabs.get_by_label("Choose %2e", exact=True).click(modifiers=["Shift"])
    tabs.get_by_text("5 tasks chosen").wait_for()
    tabs.get_by_role("button", name="Choose none").click()
    tabs.get_by_label("Choose ..", exact=True).click()
    tabs.get_by_role("button", name="Resume from chosen").click()
    dialog = tabs.get_by_role("dialog")
    dialog.get_by_text("flowkit resume r1 --from-task ..").wait_for()
    dialog.get_by_role("button", name="Resume", exact=True).click()
    tabs.locator("h1").get_by_text("running").wait_for()
    run.schedule()
    assert run.record("..").state.value == "queued"


@pytest.mark.parametrize("name", ["..", "a/b?c", "%2e"])
def test_a_task_with_any_name_has_a_page(tabs: Any, name: str) -> None:
    tabs.get_by_role("link", name=name, exact=True).click()
    tabs.get_by_role("heading", name=name, exact=True).wait_for()
    tabs.get_by_text(re.compile("^Task .* succeeded")).wait_for()
    tabs.reload()
    tabs.get_by_role("heading", name=name, exact=True).wait_for()
    tabs.go_back()
    tabs.locator("[data-row]").nth(2).wait_for()


def test_boxes_are_sought_and_opened_with_keys(tabs: Any) -> None:
    tabs.get_by_role("tab", name="Graph").click()
    tabs.get_by_label("State").select_option("failed")
    tabs.get_by_text("parse", exact=True).wait_for()
    tabs.wait_for_url(re.compile("state=failed"))
    tabs.locator("canvas").press("Enter")
    tabs.get_by_role("heading", name="parse", exact=True).wait_for()


def test_the_timeline_has_the_earlier_attempts(tabs: Any) -> None:
    with tabs.expect_response(re.compile("/attempts")) as answer:
        tabs.get_by_role("tab", name="Timeline").click()
    assert sorted(answer.value.json()["tasks"]) == ["parse[250]", "parse[7]"]
    tabs.get_by_label("By task").check()
    tabs.locator("canvas").wait_for()
