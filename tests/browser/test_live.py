"""Live pages: cuts, hidden tabs, outages, and what the reader does meanwhile."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ended_runs import dag, finish
from helpers import wait_until
from real_redis import RealRedis
from shown import Dashboard, dashboard, let_in
from wire import Wire

from flowkit import Client
from flowkit.dashboard.live.hub import MOST_STREAMS
from flowkit.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RealRedis]:
    """A Redis that keeps its data while it is away."""
    made = RealRedis(tmp_path, aof=True).start()
    yield made
    made.stop()


@pytest.fixture
def system(server: RealRedis) -> Iterator[Client]:
    with Client(Settings(redis_url=server.url, namespace="live")) as client:
        yield client


@pytest.fixture
def shown(server: RealRedis, system: Client) -> Iterator[Dashboard]:
    submit(system, "first")
    with dashboard(server.url, "live") as made:
        yield made


@pytest.fixture
def wire(shown: Dashboard) -> Iterator[Wire]:
    with Wire(shown.port) as made:
        yield made


@pytest.fixture
def page(browser: Any, shown: Dashboard, wire: Wire) -> Iterator[Any]:
    """The list of runs. It is never loaded again: ``end`` would fail."""
    with let_in(browser, shown, wire.port) as context:
        page, wrong = context.new_page(), list[str]()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto("")
        page.get_by_role("cell", name="first").wait_for()
        page.evaluate("window.isSame = true")
        yield page
        assert page.evaluate("window.isSame") is True
        assert wrong == []


def submit(system: Client, name: str) -> str:
    return system.submit(dag(name)).run_id


def row(page: Any, name: str) -> Any:
    return page.locator("[data-row]", has_text=name)


def test_a_page_catches_up_after_a_cut(page: Any, wire: Wire, system: Client) -> None:
    wait_until("the page has its stream", lambda: wire.streams == 1)
    wire.cut()
    submit(system, "second")
    row(page, "second").wait_for()
    assert page.locator(".notice").count() == 0


def test_a_hidden_page_has_no_stream(page: Any, wire: Wire, system: Client) -> None:
    def hide(yes: bool) -> None:
        page.evaluate(
            """(yes) => {
              Object.defineProperty(document, "hidden", { get: () => yes, configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            yes,
        )

    wait_until("the page has its stream", lambda: wire.streams == 1)
    hide(True)
    wait_until("the stream is closed", lambda: wire.streams == 0)
    submit(system, "second")
    assert row(page, "second").count() == 0
    hide(False)
    row(page, "second").wait_for()
    assert wire.streams == 1


def test_an_outage_of_redis_is_told_and_ends(page: Any, server: RealRedis, system: Client) -> None:
    server.kill()
    page.locator(".notice").get_by_text("Redis").wait_for()
    assert row(page, "first").count() == 1, "what was shown stays"
    server.start()
    submit(system, "second")
    row(page, "second").wait_for()
    page.locator(".notice").wait_for(state="detached")


def test_a_dashboard_that_was_started_again_asks_to_log_in(
    browser: Any, server: RealRedis, system: Client
) -> None:
    submit(system, "first")
    with contextlib.ExitStack() as stack:
        with dashboard(server.url, "live") as before:
            context = stack.enter_context(let_in(browser, before))
            page = context.new_page()
            page.goto("")
            row(page, "first").wait_for()
        page.locator(".notice").get_by_text("does not answer").wait_for()
        after = stack.enter_context(dashboard(server.url, "live", before.port))
        page.get_by_text("You are not logged in any more").wait_for()
        assert page.get_by_role("button", name="Log in").is_visible()
        other = context.new_page()
        other.goto(after.address)
        row(other, "first").wait_for()
        page.get_by_role("button", name="Log in").click()
        row(page, "first").wait_for()
        assert page.locator(".notice").count() == 0


def test_too_many_pages_are_told_what_to_do(browser: Any, shown: Dashboard, system: Client) -> None:
    with let_in(browser, shown) as context, contextlib.ExitStack() as stack:
        held = [_stream(stack, shown) for _ in range(MOST_STREAMS)]
        page = context.new_page()
        page.goto("")
        page.locator(".notice").get_by_text("Close some of them").wait_for()
        for connection in held[:3]:
            connection.close()
        row(page, "first").wait_for()
        page.locator(".notice").wait_for(state="detached")


def _stream(stack: contextlib.ExitStack, shown: Dashboard) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", shown.port, timeout=20)
    stack.callback(connection.close)
    token = shown.query.partition("=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("GET", "/api/v1/live/workers", headers=headers)
    answer = connection.getresponse()
    stack.callback(answer.close)
    assert answer.status == 200
    return connection


PLACE = """() => {
  const row = document.activeElement;
  return [row.textContent.includes("more_5"), Math.round(row.getBoundingClientRect().top)];
}"""


def test_focus_and_place_stay_while_rows_change(page: Any, system: Client) -> None:
    for number in range(40):
        submit(system, f"more_{number}")
    row(page, "more_39").wait_for()
    row(page, "more_5").first.focus()
    page.evaluate("scrollTo(0, 300)")
    before = page.evaluate(PLACE)
    run = submit(system, "second")
    finish(system, run)
    row(page, "second").locator(".state", has_text="succeeded").wait_for()
    assert page.evaluate(PLACE) == [True, pytest.approx(before[1], abs=2)]  # pixels, rounded


def test_selected_text_stays_while_other_rows_change(page: Any, system: Client) -> None:
    page.evaluate(
        """() => getSelection().selectAllChildren(document.querySelector("[data-row] code"))"""
    )
    selected = page.evaluate("String(getSelection())")
    submit(system, "second")
    row(page, "second").wait_for()
    assert page.evaluate("String(getSelection())") == selected != ""
    finish(system, selected)
    row(page, "first").locator(".state", has_text="succeeded").wait_for()
    assert page.evaluate("String(getSelection())") == selected, "other cells of its row change"


def test_an_open_question_stays_while_the_page_changes(page: Any, system: Client) -> None:
    row(page, "first").get_by_role("link").nth(1).click()
    page.get_by_role("tab").first.wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").wait_for()
    run = system.runs(1)[0].run
    finish(system, run)
    page.locator("h1").get_by_text("succeeded").wait_for()
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
